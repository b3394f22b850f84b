with

versions as (
    select * from {{ ref('int_customer_versions') }} where not is_deleted
),

-- A version that differs only in its address is no version here.
compared as (
    select
        *,
        lag(country) over (partition by customer_id order by version_number) as previous_country,
        lag(marketing_consent) over (partition by customer_id order by version_number) as previous_consent
    from versions
),

changed as (
    select *
    from compared
    where version_number = 1
        or country is distinct from previous_country
        or marketing_consent is distinct from previous_consent
),

closed as (
    select
        *,
        coalesce(
            lead(valid_from) over (partition by customer_id order by version_number), {{ end_of_time() }}
        ) as closed_at,
        row_number() over (partition by customer_id order by version_number) as change_number
    from changed
)

select
    {{ surrogate_key('customer_history', ['customer_id', epoch_microseconds('valid_from')]) }} as customer_version_key,
    customer_id,
    change_number as version_number,
    country,
    marketing_consent,
    valid_from,
    closed_at as valid_to,
    closed_at = {{ end_of_time() }} as is_current
from closed

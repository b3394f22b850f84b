with

versions as (
    select
        *,
        dbt_is_deleted = 'True' as is_deleted,
        row_number() over (
            partition by product_id
            order by dbt_valid_from, case when dbt_valid_to is null then 1 else 0 end, dbt_valid_to
        ) as version_order
    from {{ ref('snap_products') }}
),

bounded as (
    select
        *,
        case when version_order = 1 then {{ beginning_of_time() }} else {{ in_history('dbt_valid_from') }} end as valid_from,
        case when dbt_valid_to is null then {{ end_of_time() }} else {{ in_history('dbt_valid_to') }} end as valid_to,
        -- A product that left and came back as it was has one version of the log more than once.
        row_number() over (
            partition by product_id, _log_version, is_deleted
            order by version_order
        ) as times_seen
    from versions
),

numbered as (
    select
        *,
        row_number() over (partition by product_id order by version_order) as version_number
    from bounded
    where valid_from < valid_to
),

-- A product that facts speak of and that has not landed: a member with nothing but its identifier, until it does.
mentioned as (
    select product_id from {{ ref('int_order_items') }}
    union
    select product_id from {{ ref('int_stock_ledger') }}
),

inferred as (
    select mentioned.product_id
    from mentioned
    left join (select distinct product_id from numbered) as known on known.product_id = mentioned.product_id
    where known.product_id is null
)

select
    case
        when times_seen = 1 then {{ surrogate_key(['product_id', '_log_version', 'case when is_deleted then 1 else 0 end']) }}
        else {{ surrogate_key(['product_id', '_log_version', 'case when is_deleted then 1 else 0 end', 'times_seen']) }}
    end as product_key,
    product_id,
    version_number,
    sku,
    product_name,
    category,
    {{ exact_numeric('list_price', 12, 2) }} as list_price,
    currency,
    colour,
    material,
    cast(weight_grams as bigint) as weight_grams,
    is_active,
    is_deleted,
    valid_from,
    valid_to,
    valid_to = {{ end_of_time() }} as is_current,
    false as is_inferred,
    _log_version
from numbered

union all

select
    {{ surrogate_key(['product_id', '0', '0']) }},
    product_id,
    1,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    false,
    {{ beginning_of_time() }},
    {{ end_of_time() }},
    true,
    true,
    0
from inferred

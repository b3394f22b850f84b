select
    {{ surrogate_key('customer', ['customer_id']) }} as customer_key,
    customer_id,
    {{ hash_email('email') }} as email_hash,
    country,
    marketing_consent,
    signed_up_at,
    {{ calendar_member('cast(signed_up_at as date)') }} as signed_up_on
from {{ ref('stg_customers') }}

union all

select
    {{ unknown_key() }},
    -1,
    null,
    null,
    null,
    null,
    {{ unknown_day() }}

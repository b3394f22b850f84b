{{ config(pre_hook="{{ set_email_salt() }}") }}

with

customers as (
    select * from {{ ref('stg_customers') }}
),

-- Of two customers whose addresses differ only in spelling, one holds the address, so that a join on it doubles no row.
holders as (
    select * from {{ ref('int_address_holders') }} where valid_to = {{ end_of_time() }}
)

select
    {{ surrogate_key('customer', ['customers.customer_id']) }} as customer_key,
    customers.customer_id,
    holders.email_hash,
    customers.country,
    customers.marketing_consent,
    customers.signed_up_at,
    {{ calendar_member('cast(customers.signed_up_at as date)') }} as signed_up_on
from customers
left join holders
    on holders.email_hash = {{ hash_email('customers.email') }} and holders.customer_id = customers.customer_id

union all

select
    {{ unknown_key() }},
    -1,
    null,
    null,
    null,
    null,
    {{ unknown_day() }}

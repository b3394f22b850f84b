{{ config(materialized='incremental', incremental_strategy='merge', unique_key='order_id') }}

with

-- Every version that landed, not only the current one.
landed as (
    select
        order_id,
        customer_id,
        status,
        {{ to_utc('updated_at') }} as updated_at,
        _log_version,
        _row_number
    from {{ source('raw', 'orders') }}
    {%- if is_incremental() %}
    where _log_version > (select coalesce(max(_log_version), 0) from {{ this }})
    {%- endif %}
),

buyers as (
    select order_id, customer_id
    from landed
    where customer_id is not null
    qualify row_number() over (partition by order_id order by _log_version desc, _row_number desc) = 1
),

reached as (
    select
        order_id,
        min(case when status = 'shipped' then updated_at end) as shipped_at,
        min(case when status = 'delivered' then updated_at end) as delivered_at,
        min(case when status = 'cancelled' then updated_at end) as cancelled_at,
        max(_log_version) as _log_version
    from landed
    group by order_id
)

select
    reached.order_id,
    {%- if is_incremental() %}
    coalesce(buyers.customer_id, known.buyer_id) as buyer_id,
    {{ earlier_of('reached.shipped_at', 'known.shipped_at') }} as shipped_at,
    {{ earlier_of('reached.delivered_at', 'known.delivered_at') }} as delivered_at,
    {{ earlier_of('reached.cancelled_at', 'known.cancelled_at') }} as cancelled_at,
    {%- else %}
    buyers.customer_id as buyer_id,
    reached.shipped_at,
    reached.delivered_at,
    reached.cancelled_at,
    {%- endif %}
    reached._log_version
from reached
left join buyers on buyers.order_id = reached.order_id
{%- if is_incremental() %}
left join {{ this }} as known on known.order_id = reached.order_id
{%- endif %}

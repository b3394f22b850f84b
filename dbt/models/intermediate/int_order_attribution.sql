with

orders as (
    select
        orders.order_id,
        {{ exact_numeric('orders.order_total', 14, 2) }} as order_total,
        orders.placed_at,
        {{ hash_email('customers.email') }} as email_hash
    from {{ ref('int_orders') }} as orders
    inner join {{ ref('stg_customers') }} as customers on customers.customer_id = orders.customer_id
    where not orders.is_deleted and orders.order_status <> 'cancelled'
),

clicks as (
    select event_id, campaign_id, recipient_hash, occurred_at
    from {{ ref('int_email_events') }}
    where event_type = 'clicked'
)

select
    orders.order_id,
    orders.order_total,
    orders.placed_at,
    clicks.event_id as click_event_id,
    clicks.campaign_id,
    clicks.occurred_at as clicked_at,
    cast(clicks.occurred_at as date) as clicked_on
from orders
inner join clicks
    on clicks.recipient_hash = orders.email_hash
    and clicks.occurred_at <= orders.placed_at
    and {{ at_most_days_apart('clicks.occurred_at', 'orders.placed_at', var('attribution_window_days')) }}
qualify row_number() over (partition by orders.order_id order by clicks.occurred_at desc, clicks.event_id desc) = 1

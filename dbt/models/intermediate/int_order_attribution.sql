with

-- The customer as of the order: an erasure since changes no attribution.
orders as (
    select
        orders.order_id,
        orders.placed_at,
        milestones.buyer_id
    from {{ ref('int_orders') }} as orders
    inner join {{ ref('int_order_milestones') }} as milestones on milestones.order_id = orders.order_id
    where not orders.is_deleted and milestones.buyer_id is not null
),

-- The clicks of whoever held the address when they clicked.
clicks as (
    select
        events.event_id,
        events.message_id,
        events.campaign_id,
        events.occurred_at,
        holders.customer_id
    from {{ ref('int_email_events') }} as events
    inner join {{ ref('int_address_holders') }} as holders
        on holders.email_hash = events.recipient_hash
        and {{ in_history('events.occurred_at') }} >= holders.valid_from
        and {{ in_history('events.occurred_at') }} < holders.valid_to
    where events.event_type = 'clicked'
)

select
    orders.order_id,
    orders.placed_at,
    clicks.event_id as click_event_id,
    clicks.message_id,
    clicks.campaign_id,
    clicks.occurred_at as clicked_at,
    cast(clicks.occurred_at as date) as clicked_on
from orders
inner join clicks
    on clicks.customer_id = orders.buyer_id
    and clicks.occurred_at <= orders.placed_at
    and {{ at_most_days_apart('clicks.occurred_at', 'orders.placed_at', var('attribution_window_days')) }}
qualify row_number() over (partition by orders.order_id order by clicks.occurred_at desc, clicks.event_id desc) = 1

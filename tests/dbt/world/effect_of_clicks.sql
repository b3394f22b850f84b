-- What clicks bring, by the marts alone: customers who clicked once, their orders in the 72 hours after that click, and in
-- 72 hours of all the time before it, on the average.
with clicks as (
    select
        events.customer_key,
        min(events.occurred_at) as clicked_at,
        min(events.link_sku) as link_sku
    from MART.fct_email_events as events
    where events.event_type = 'clicked' and events.customer_key <> 'unknown'
    group by events.customer_key
    having count(*) = 1
),

judged as (
    select clicks.*, customers.signed_up_at
    from clicks
    join MART.dim_customer as customers on customers.customer_key = clicks.customer_key
    where clicks.clicked_at <= (select max(placed_at) from MART.fct_orders) - interval '72 hour'
),

orders as (
    select
        orders.order_id,
        judged.customer_key,
        date_diff('second', judged.clicked_at, orders.placed_at) / 3600.0 as hours_after,
        coalesce(max(case when products.sku = judged.link_sku then 1 else 0 end), 0) as holds_promoted
    from judged
    join MART.fct_orders as orders on orders.customer_key = judged.customer_key
    join MART.fct_order_lines as lines on lines.order_id = orders.order_id
    join MART.dim_product as products on products.product_key = lines.product_key
    group by orders.order_id, judged.customer_key, judged.clicked_at, orders.placed_at
),

before as (
    select
        sum(case when hours_after < 0 then 1 else 0 end) as orders,
        sum(case when hours_after < 0 then holds_promoted else 0 end) as promoted
    from orders
),

time_before as (
    select
        sum(date_diff('second', greatest(signed_up_at, (select min(placed_at) from MART.fct_orders)), clicked_at)) / 3600.0
            as hours
    from judged
)

select
    (select count(*) from judged) as clicks,
    sum(case when hours_after between 0 and 72 then 1 else 0 end) as orders_after,
    72 * (select before.orders / time_before.hours from before, time_before) * (select count(*) from judged) as orders_anyway,
    sum(case when hours_after between 0 and 72 then holds_promoted else 0 end) as promoted_after,
    72 * (select before.promoted / time_before.hours from before, time_before) * (select count(*) from judged)
        as promoted_anyway,
    avg(case when hours_after between 0 and 72 and holds_promoted = 1 then hours_after end) as mean_hours
from orders

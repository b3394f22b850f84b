-- What the pages show, by the source's own rows as they were landed: no mart, no macro, no model of dbt's is read. The newest
-- version of a row is how the source has it. Nothing was deleted, and nobody has changed their address.
with orders as (
    select
        order_id,
        customer_id,
        currency,
        status = 'cancelled' as is_cancelled,
        total_amount,
        placed_at,
        cast(placed_at as date) as day
    from RAW.orders
    qualify row_number() over (partition by order_id order by _log_version desc, _row_number desc) = 1
),

customers as (
    select customer_id, lower(trim(email)) as address, country
    from RAW.customers
    qualify row_number() over (partition by customer_id order by _log_version desc, _row_number desc) = 1
),

products as (
    select product_id, category
    from RAW.products
    qualify row_number() over (partition by product_id order by _log_version desc, _row_number desc) = 1
),

items as (
    select items.order_id, items.quantity, items.quantity * items.unit_price as gross, items.line_total
    from (
        select * from RAW.order_items
        qualify row_number() over (partition by order_item_id order by _log_version desc, _row_number desc) = 1
    ) as items
    join products on products.product_id = items.product_id
    where len($categories) = 0 or list_contains($categories, products.category)
),

events as (
    select
        event_id,
        payload ->> '$.type' as type,
        payload ->> '$.message_id' as message_id,
        payload ->> '$.campaign_id' as campaign_id,
        lower(trim(payload ->> '$.recipient')) as address,
        cast(payload ->> '$.occurred_at' as timestamptz) as occurred_at,
        payload ->> '$.bounce.class' as bounce
    from RAW.email_events
    qualify row_number() over (partition by event_id order by _log_version desc, _row_number desc) = 1
),

-- Whoever opened a message has it, whoever clicked in it has opened it: providers lose reports.
messages as (
    select
        message_id,
        any_value(campaign_id) as campaign_id,
        any_value(address) as address,
        cast(min(occurred_at) filter (type = 'sent') as date) as sent_on,
        bool_or(type in ('delivered', 'opened', 'clicked', 'unsubscribed', 'complained')) as is_delivered,
        bool_or(type in ('opened', 'clicked')) as is_opened,
        bool_or(type = 'clicked') as is_clicked,
        bool_or(type = 'unsubscribed') as is_unsubscribed,
        bool_or(type = 'complained') as is_complained,
        bool_or(bounce = 'hard') as is_hard_bounced
    from events
    group by message_id
),

-- An order goes to the last click of its buyer in the seven days before it.
attributed as (
    select orders.order_id, arg_max(clicks.message_id, (clicks.occurred_at, clicks.event_id)) as message_id
    from orders
    join customers on customers.customer_id = orders.customer_id
    join events as clicks on clicks.address = customers.address and clicks.type = 'clicked'
    where clicks.occurred_at <= orders.placed_at and orders.placed_at <= clicks.occurred_at + interval 7 days
    group by orders.order_id
),

of_orders as (
    select orders.*, messages.message_id, messages.campaign_id
    from orders
    left join customers on customers.customer_id = orders.customer_id
    left join attributed on attributed.order_id = orders.order_id
    left join messages on messages.message_id = attributed.message_id
    where orders.currency = $currency
        and orders.day between $first_day and $last_day
        and (len($countries) = 0 or list_contains($countries, coalesce(customers.country, 'unknown')))
        and (len($campaigns) = 0 or list_contains($campaigns, messages.campaign_id))
),

lines as (
    select of_orders.order_id, of_orders.is_cancelled, of_orders.message_id, items.quantity, items.gross, items.line_total
    from of_orders
    join items on items.order_id = of_orders.order_id
),

of_messages as (
    select messages.*
    from messages
    left join customers on customers.address = messages.address
    where messages.sent_on between $first_day and $last_day
        and (len($countries) = 0 or list_contains($countries, coalesce(customers.country, 'unknown')))
        and (len($campaigns) = 0 or list_contains($campaigns, messages.campaign_id))
),

order_figures as (
    select
        sum(case when len($categories) = 0 then total_amount else line_total end) filter (not is_cancelled) as revenue,
        count(*) filter (not is_cancelled) as orders,
        count(*) as placed_orders,
        sum(case when len($categories) = 0 then total_amount else line_total end)
            filter (not is_cancelled and message_id is not null) as attributed_revenue
    from (
        select of_orders.*, in_lines.line_total
        from of_orders
        left join (select order_id, sum(line_total) as line_total from lines group by order_id) as in_lines using (order_id)
        where len($categories) = 0 or in_lines.order_id is not null
    ) as chosen
),

line_figures as (
    select
        sum(quantity) as units,
        sum(line_total) as line_revenue,
        sum(gross) as gross_amount,
        sum(gross - line_total) as discount_amount
    from lines
    where not is_cancelled
),

message_figures as (
    select
        count(*) as sent,
        count(*) filter (is_delivered) as delivered,
        count(*) filter (is_opened) as opened,
        count(*) filter (is_clicked) as clicked,
        count(*) filter (is_unsubscribed) as unsubscribed,
        count(*) filter (is_complained) as complained,
        count(*) filter (is_hard_bounced and not is_delivered) as hard_bounced,
        count(*) filter (is_opened) / nullif(count(*) filter (is_delivered), 0) as open_rate,
        count(*) filter (is_clicked) / nullif(count(*) filter (is_delivered), 0) as click_rate
    from of_messages
),

-- Of messages sent in the period, whenever their orders were placed, and in whichever currency.
attribution_figures as (
    select
        count(distinct attributed.message_id) as ordered,
        count(*) as message_orders,
        sum(orders.total_amount) filter (orders.currency = $currency) as message_revenue
    from of_messages
    join attributed on attributed.message_id = of_messages.message_id
    join orders on orders.order_id = attributed.order_id
    where not orders.is_cancelled
)

select order_figures.*, line_figures.*, message_figures.*, attribution_figures.*
from order_figures, line_figures, message_figures, attribution_figures

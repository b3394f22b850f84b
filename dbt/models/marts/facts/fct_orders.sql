with

landed as (
    {{ landed_until() }}
),

orders as (
    select
        orders.order_id,
        milestones.buyer_id,
        orders.customer_id,
        orders.order_status,
        orders.order_status = 'cancelled' as is_cancelled,
        orders.placed_at,
        orders.created_at as recorded_at,
        orders.currency,
        {{ exact_numeric('orders.order_total', 14, 2) }} as order_total_incl_tax,
        milestones.shipped_at,
        milestones.delivered_at,
        milestones.cancelled_at
    from {{ ref('int_orders') }} as orders
    left join {{ ref('int_order_milestones') }} as milestones on milestones.order_id = orders.order_id
    where not orders.is_deleted
),

lines as (
    select
        order_id,
        count(*) as line_count,
        sum(quantity) as quantity,
        sum(discount_amount_incl_tax) as discount_amount_incl_tax
    from {{ ref('int_order_lines_enriched') }}
    group by order_id
),

-- The first, second, ... order of its buyer, erased or not. Cancelled orders do not count.
purchases as (
    select
        order_id,
        row_number() over (partition by buyer_id order by placed_at, order_id) as customer_order_number
    from orders
    where buyer_id is not null and not is_cancelled
),

-- Without the unknown member, whose identifier a real customer may have.
customers as (
    select * from {{ ref('dim_customer') }} where customer_key <> {{ unknown_key() }}
)

select
    orders.order_id,
    {{ calendar_day('cast(orders.placed_at as date)') }} as order_date,
    {{ local_calendar_member('orders.placed_at') }} as order_local_date,
    coalesce(customers.customer_key, {{ unknown_key() }}) as customer_key,
    orders.order_status,
    orders.is_cancelled,
    orders.placed_at,
    orders.recorded_at,
    orders.shipped_at,
    orders.delivered_at,
    orders.cancelled_at,
    {{ hours(dbt.datediff('orders.recorded_at', 'orders.shipped_at', 'second')) }} as hours_to_ship,
    {{ hours(dbt.datediff('orders.recorded_at', 'orders.delivered_at', 'second')) }} as hours_to_deliver,
    cast(purchases.customer_order_number as bigint) as customer_order_number,
    case
        when orders.is_cancelled then 'cancelled'
        when purchases.customer_order_number is null then 'unknown'
        when purchases.customer_order_number = 1 then 'new'
        else 'returning'
    end as buyer_type,
    case
        when attribution.campaign_id is not null then {{ surrogate_key('campaign', ['attribution.campaign_id']) }}
    end as attributed_campaign_key,
    attribution.message_id as attributed_message_id,
    attribution.click_event_id as attributed_click_event_id,
    attribution.clicked_at as attributed_clicked_at,
    {{ window_is_over('cast(orders.placed_at as date)', var('late_event_days'), 'landed.until_day') }} as is_window_closed,
    cast(coalesce(lines.line_count, 0) as bigint) as line_count,
    cast(coalesce(lines.quantity, 0) as bigint) as quantity,
    orders.currency,
    orders.order_total_incl_tax,
    cast(
        case when lines.order_id is null then 0 else lines.discount_amount_incl_tax end as numeric(38, 2)
    ) as discount_amount_incl_tax,
    cast(case when orders.is_cancelled then 0 else orders.order_total_incl_tax end as numeric(14, 2)) as revenue_incl_tax
from orders
cross join landed
left join purchases on purchases.order_id = orders.order_id
left join {{ ref('int_order_attribution') }} as attribution on attribution.order_id = orders.order_id
left join lines on lines.order_id = orders.order_id
left join customers on customers.customer_id = orders.customer_id

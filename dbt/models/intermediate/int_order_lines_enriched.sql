{{ config(materialized='view') }}

-- In the marts' types, so that no computed number overflows.
with

items as (
    select
        order_item_id,
        order_id,
        line_number,
        product_id,
        warehouse_id,
        quantity,
        {{ exact_numeric('unit_price', 12, 2) }} as unit_price,
        {{ exact_numeric('discount_rate', 5, 4) }} as discount_rate,
        {{ exact_numeric('line_total', 14, 2) }} as line_total,
        is_deleted,
        _changed_version
    from {{ ref('int_order_items') }}
)

-- A line waits until its order has landed: a row that changed during a run lands with the next run.
select
    items.order_item_id,
    items.order_id,
    items.line_number,
    items.product_id,
    items.warehouse_id,
    orders.customer_id,
    orders.order_status,
    orders.order_status = 'cancelled' as is_cancelled,
    orders.currency,
    orders.placed_at,
    cast(orders.placed_at as date) as order_date,
    orders.created_at as recorded_at,
    items.quantity,
    items.unit_price as unit_price_incl_tax,
    items.discount_rate,
    cast(cast(items.quantity as numeric(19, 0)) * items.unit_price as numeric(38, 2)) as gross_amount_incl_tax,
    cast(cast(items.quantity as numeric(19, 0)) * items.unit_price - items.line_total as numeric(38, 2)) as discount_amount_incl_tax,
    items.line_total as line_total_incl_tax,
    items._changed_version as _order_items_version,
    orders._changed_version as _orders_version
from items
inner join {{ ref('int_orders') }} as orders on orders.order_id = items.order_id
where not items.is_deleted and not orders.is_deleted

-- What an order's lines say was sold is what the sale movements took off the shelves, warehouse by warehouse. Orders
-- recorded in the last day before the newest movement are left out: their rows may land one run apart.
with

settled as (
    select {{ dbt.dateadd('day', -1, 'max(recorded_at)') }} as settled_before
    from {{ ref('fct_stock_movements') }}
),

sold as (
    select lines.order_id, lines.warehouse_key, lines.product_id, sum(lines.quantity) as quantity
    from {{ ref('fct_order_lines') }} as lines
    inner join settled on lines.recorded_at < settled.settled_before
    group by lines.order_id, lines.warehouse_key, lines.product_id
),

moved as (
    select order_id, warehouse_key, product_id, -sum(quantity) as quantity
    from {{ ref('fct_stock_movements') }}
    where reason = 'sale'
    group by order_id, warehouse_key, product_id
)

select sold.order_id, sold.warehouse_key, sold.product_id, sold.quantity, moved.quantity as moved
from sold
left join moved
    on moved.order_id = sold.order_id
    and moved.warehouse_key = sold.warehouse_key
    and moved.product_id = sold.product_id
where sold.quantity <> coalesce(moved.quantity, 0)

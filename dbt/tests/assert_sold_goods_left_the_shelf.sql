-- What an order's lines say was sold is what the sale movements took off the shelves, warehouse by warehouse. Line and
-- movement carry the time of the transaction that made both. Left out are lines that may be a run ahead of their movements
-- or behind them: newer than the newest movement of all, or older than one of their own.
with

sold as (
    select order_id, warehouse_id, product_id, sum(quantity) as quantity, max(updated_at) as last_updated_at
    from {{ ref('int_order_items') }}
    where not is_deleted
    group by order_id, warehouse_id, product_id
),

moved as (
    select order_id, warehouse_id, product_id, -sum(quantity) as quantity, max(created_at) as last_recorded_at
    from {{ ref('int_stock_ledger') }}
    where reason = 'sale'
    group by order_id, warehouse_id, product_id
),

landed as (
    select max(created_at) as recorded_until from {{ ref('int_stock_ledger') }}
)

select sold.order_id, sold.warehouse_id, sold.product_id, sold.quantity, moved.quantity as moved
from sold
inner join landed on sold.last_updated_at <= landed.recorded_until
left join moved
    on moved.order_id = sold.order_id
    and moved.warehouse_id = sold.warehouse_id
    and moved.product_id = sold.product_id
where sold.quantity <> coalesce(moved.quantity, 0)
    and (moved.last_recorded_at is null or sold.last_updated_at >= moved.last_recorded_at)

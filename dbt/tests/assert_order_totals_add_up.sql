-- An order costs what its lines cost. Both carry the time of the transaction that made them. Left out are orders that may
-- be a run ahead of their lines or behind them: newer than the newest line of all, or older than one of their own.
with

lines as (
    select order_id, sum(line_total) as line_totals, max(updated_at) as last_updated_at
    from {{ ref('int_order_items') }}
    where not is_deleted
    group by order_id
),

landed as (
    select max(last_updated_at) as updated_until from lines
)

select orders.order_id, orders.order_total, coalesce(lines.line_totals, 0) as line_totals
from {{ ref('int_orders') }} as orders
inner join landed on orders.updated_at <= landed.updated_until
left join lines on lines.order_id = orders.order_id
where not orders.is_deleted
    and orders.order_total <> coalesce(lines.line_totals, 0)
    and (lines.last_updated_at is null or orders.updated_at >= lines.last_updated_at)

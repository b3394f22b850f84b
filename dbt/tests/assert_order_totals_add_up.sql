-- An order costs what its lines cost. An order that changed at the moment of the run lands with the next one, lines
-- first: then it is older than the newest of its lines (both carry their transaction's time), and is left out.
with

lines as (
    select order_id, sum(line_total) as line_totals, max(updated_at) as last_updated_at
    from {{ ref('int_order_items') }}
    where not is_deleted
    group by order_id
)

select orders.order_id, orders.order_total, coalesce(lines.line_totals, 0) as line_totals
from {{ ref('int_orders') }} as orders
left join lines on lines.order_id = orders.order_id
where not orders.is_deleted
    and orders.order_total <> coalesce(lines.line_totals, 0)
    and (lines.last_updated_at is null or orders.updated_at >= lines.last_updated_at)

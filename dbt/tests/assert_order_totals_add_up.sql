-- An order costs what its lines cost. Both carry the time of the transaction that made them. Left out are orders that may
-- be a run ahead of their lines or behind them: newer than the newest line of all, older than one of their own, or not
-- known to have landed since the tombstone of one.
with

lines as (
    select
        items.order_id,
        sum(case when items.is_deleted then 0 else items.line_total end) as line_totals,
        max(case when not items.is_deleted then items.updated_at end) as last_updated_at,
        max(case when items.is_deleted then {{ to_utc('loads.committed_at') }} end) as last_deletion_seen_at
    from {{ ref('int_order_items') }} as items
    left join {{ source('raw', '_loads') }} as loads
        on loads.stream = 'order_items' and loads.version = items._changed_version
    group by items.order_id
),

landed_lines as (
    select max(updated_at) as updated_until from {{ ref('int_order_items') }}
),

landed_orders as (
    select max(updated_at) as updated_until from {{ ref('int_orders') }}
)

select orders.order_id, orders.order_total, coalesce(lines.line_totals, 0) as line_totals
from {{ ref('int_orders') }} as orders
inner join landed_lines on orders.updated_at <= landed_lines.updated_until
cross join landed_orders
left join lines on lines.order_id = orders.order_id
where not orders.is_deleted
    and orders.order_total <> coalesce(lines.line_totals, 0)
    and (lines.last_updated_at is null or orders.updated_at >= lines.last_updated_at)
    and (lines.last_deletion_seen_at is null or landed_orders.updated_until >= lines.last_deletion_seen_at)

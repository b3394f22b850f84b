-- Incremental facts hold as many rows as there are keys in RAW, in all of it or in what landed lately (landed_lately()):
-- nothing lost, nothing doubled.
-- A row of an older version than the one that landed lately is none; primary_key finds one that is there beside it.
-- Order lines are compared one by one, since a line waits for its order. (Of an order that never lands,
-- parent_has_landed warns.)
select 'line is missing' as problem, items.order_item_id as subject
from {{ ref('stg_order_items') }} as items
inner join {{ ref('int_orders') }} as orders on orders.order_id = items.order_id
left join {{ ref('fct_order_lines') }} as lines on lines.order_item_id = items.order_item_id
where lines.order_item_id is null and not orders.is_deleted

union all

select 'line is not at the source', lines.order_item_id
from {{ ref('fct_order_lines') }} as lines
left join {{ ref('stg_order_items') }} as items on items.order_item_id = lines.order_item_id
where items.order_item_id is null

union all

select 'order is missing', orders.order_id
from {{ ref('stg_orders') }} as orders
left join {{ ref('fct_orders') }} as held on held.order_id = orders.order_id
where held.order_id is null

union all

select 'order is not at the source', held.order_id
from {{ ref('fct_orders') }} as held
left join {{ ref('stg_orders') }} as orders on orders.order_id = held.order_id
where orders.order_id is null

union all

select 'e-mail events differ by', landed.n - held.n
from (
    select count(distinct event_id) as n
    from {{ source('raw', 'email_events') }}
    where {{ landed_lately('email_events') }}
) as landed
cross join (
    select count(*) as n
    from {{ ref('fct_email_events') }}
    where {{ among_landed_lately('event_id', 'email_events') }} and {{ landed_lately('email_events') }}
) as held
where landed.n <> held.n

union all

select 'stock movements differ by', landed.n - held.n
from (
    select count(distinct movement_id) as n
    from {{ source('raw', 'stock_movements') }}
    where {{ landed_lately('stock_movements') }}
) as landed
cross join (
    select count(*) as n
    from {{ ref('fct_stock_movements') }}
    where {{ among_landed_lately('movement_id', 'stock_movements') }} and {{ landed_lately('stock_movements') }}
) as held
where landed.n <> held.n

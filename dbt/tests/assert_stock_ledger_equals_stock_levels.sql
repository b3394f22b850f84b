-- The movements of a warehouse and product add up to what the shop says is on the shelf; a pair that never moved has
-- none. A level that changed at the moment of the run lands with the next one, movement first: then it is older than
-- the pair's newest movement (both carry their transaction's time), and is left out.
with

ledger as (
    select
        warehouse_id,
        product_id,
        sum(quantity) as quantity,
        max(created_at) as last_recorded_at
    from {{ ref('int_stock_ledger') }}
    group by warehouse_id, product_id
)

select
    levels.warehouse_id,
    levels.product_id,
    levels.on_hand,
    coalesce(ledger.quantity, 0) as moved
from {{ ref('stg_stock_levels') }} as levels
left join ledger on ledger.warehouse_id = levels.warehouse_id and ledger.product_id = levels.product_id
where levels.on_hand <> coalesce(ledger.quantity, 0)
    and (ledger.last_recorded_at is null or levels.updated_at >= ledger.last_recorded_at)

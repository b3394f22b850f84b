-- The movements of a warehouse and product add up to what the shop says is on the shelf; a pair that never moved has
-- none. Level and movement carry the time of the transaction that made both. Left out are levels that may be a run ahead
-- of their movements or behind them: newer than the newest movement of all, or older than the pair's own.
with

ledger as (
    select
        warehouse_id,
        product_id,
        sum(quantity) as quantity,
        max(created_at) as last_recorded_at
    from {{ ref('int_stock_ledger') }}
    group by warehouse_id, product_id
),

landed as (
    select max(last_recorded_at) as recorded_until from ledger
)

select
    levels.warehouse_id,
    levels.product_id,
    levels.on_hand,
    coalesce(ledger.quantity, 0) as moved
from {{ ref('stg_stock_levels') }} as levels
inner join landed on levels.updated_at <= landed.recorded_until
left join ledger on ledger.warehouse_id = levels.warehouse_id and ledger.product_id = levels.product_id
where levels.on_hand <> coalesce(ledger.quantity, 0)
    and (ledger.last_recorded_at is null or levels.updated_at >= ledger.last_recorded_at)

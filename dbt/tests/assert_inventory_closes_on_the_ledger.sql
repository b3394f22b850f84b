-- On the last day every warehouse and product stands where its ledger stands, and no day before it is missing.
with

ledger as (
    select warehouse_id, product_id, sum(quantity) as quantity, min(moved_on) as first_date
    from {{ ref('int_stock_ledger') }}
    group by warehouse_id, product_id
),

last_day as (
    select max(moved_on) as last_date from {{ ref('int_stock_ledger') }}
),

inventory as (
    select
        inventory.warehouse_key,
        inventory.product_id,
        count(*) as days,
        sum(case when inventory.inventory_date = last_day.last_date then inventory.closing_quantity end) as quantity
    from {{ ref('fct_inventory_daily') }} as inventory
    cross join last_day
    group by inventory.warehouse_key, inventory.product_id
)

select ledger.warehouse_id, ledger.product_id, ledger.quantity, inventory.quantity as closing_quantity, inventory.days
from ledger
cross join last_day
left join inventory
    on inventory.warehouse_key = {{ surrogate_key(['ledger.warehouse_id']) }}
    and inventory.product_id = ledger.product_id
where inventory.quantity is null
    or inventory.quantity <> ledger.quantity
    or inventory.days <> {{ dbt.datediff('ledger.first_date', 'last_day.last_date', 'day') }} + 1

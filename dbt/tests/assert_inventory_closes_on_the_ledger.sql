-- On the last day every warehouse and product stands where its ledger stands, and no day before it is missing. What is
-- dated before the calendar counts from its first day on, what is dated after the run's day not yet.
with

movements as (
    select warehouse_id, product_id, quantity, {{ counted_on('moved_on') }} as counted_on
    from {{ ref('int_stock_ledger') }}
    where {{ counted_on('moved_on') }} <= {{ business_day() }}
),

ledger as (
    select warehouse_id, product_id, sum(quantity) as quantity, min(counted_on) as first_date
    from movements
    group by warehouse_id, product_id
),

last_day as (
    select {{ business_day() }} as last_date
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
    on inventory.warehouse_key = {{ surrogate_key('warehouse', ['ledger.warehouse_id']) }}
    and inventory.product_id = ledger.product_id
where inventory.quantity is null
    or inventory.quantity <> ledger.quantity
    or inventory.days <> {{ dbt.datediff('ledger.first_date', 'last_day.last_date', 'day') }} + 1

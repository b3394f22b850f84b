-- At the last day of each step that is drawn: stocks of days do not add up.
with stock as ({{ relation stock }}),

days as ({{ relation calendar }}),

last_days as (
    select drawn_on, max(calendar_date) as calendar_date
    from days
    where calendar_date <= (select max(inventory_date) from stock)
    group by drawn_on
)

select
    last_days.drawn_on,
    coalesce(warehouses.warehouse_code, cast(warehouses.warehouse_id as varchar)) as warehouse,
    {{ closing_quantity }} as closing_quantity,
    {{ stock_outs }} as stock_outs
from last_days
inner join stock on stock.inventory_date = last_days.calendar_date
inner join dim_warehouse as warehouses on warehouses.warehouse_key = stock.warehouse_key
group by last_days.drawn_on, coalesce(warehouses.warehouse_code, cast(warehouses.warehouse_id as varchar))
order by last_days.drawn_on, warehouse

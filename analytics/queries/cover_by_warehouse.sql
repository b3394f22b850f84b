-- Days of cover of a warehouse: all that is left by all that is sold a day, over the 28 days up to the last day.
with stock as (
    select * from ({{ relation stock }}) as period where inventory_date >= :closing_from
),

closing as (
    select * from stock where inventory_date = (select max(inventory_date) from stock)
),

sold as (
    select movements.warehouse_key, -sum(movements.quantity) / 28.0 as sold_a_day
    from fct_stock_movements as movements
    inner join dim_product_current as products on products.product_id = movements.product_id
    where movements.reason in ('sale', 'cancellation')
        and movements.movement_date between :cover_from and :last_day
        and (:every_category = 1 or coalesce(products.category, 'unknown') in (:categories))
    group by movements.warehouse_key
),

by_warehouse as (
    select warehouse_key, {{ closing_quantity }} as closing_quantity, {{ stock_outs }} as stock_outs
    from closing
    group by warehouse_key
)

select
    coalesce(warehouses.warehouse_code, cast(warehouses.warehouse_id as varchar)) as warehouse,
    by_warehouse.closing_quantity,
    by_warehouse.stock_outs,
    case when sold.sold_a_day > 0 then by_warehouse.closing_quantity / sold.sold_a_day end as days_of_cover
from by_warehouse
inner join dim_warehouse as warehouses on warehouses.warehouse_key = by_warehouse.warehouse_key
left join sold on sold.warehouse_key = by_warehouse.warehouse_key
order by warehouse
limit 500

-- Where stock runs out first: what is left by what was sold a day, over the 28 days up to the last day of the period.
with stock as (
    select * from ({{ relation stock }}) as period where inventory_date >= :closing_from
),

closing as (
    select * from stock where inventory_date = (select max(inventory_date) from stock)
),

sold as (
    select warehouse_key, product_id, -sum(quantity) / 28.0 as sold_a_day
    from fct_stock_movements
    where reason in ('sale', 'cancellation')
        and movement_date between :cover_from and :last_day
    group by warehouse_key, product_id
),

covered as (
    select
        coalesce(warehouses.warehouse_code, cast(warehouses.warehouse_id as varchar)) as warehouse,
        products.sku,
        products.product_name,
        coalesce(products.category, 'unknown') as category,
        closing.closing_quantity,
        coalesce(sold.sold_a_day, 0) as sold_a_day,
        case when sold.sold_a_day > 0 then closing.closing_quantity / sold.sold_a_day end as days_of_cover
    from closing
    inner join dim_product_current as products on products.product_id = closing.product_id
    inner join dim_warehouse as warehouses on warehouses.warehouse_key = closing.warehouse_key
    left join sold on sold.warehouse_key = closing.warehouse_key and sold.product_id = closing.product_id
)

select warehouse, sku, product_name, category, closing_quantity, sold_a_day, days_of_cover
from covered
where days_of_cover is not null or closing_quantity <= 0
order by case when closing_quantity <= 0 then 0 else 1 end, days_of_cover, warehouse, sku, product_name
limit 500

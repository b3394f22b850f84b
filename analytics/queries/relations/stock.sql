-- What each product's stock was in each warehouse at the end of each day of the period.
select
    inventory.inventory_date,
    inventory.warehouse_key,
    inventory.product_id,
    inventory.closing_quantity,
    inventory.is_below_reorder_point,
    case when inventory.currency = :currency then inventory.stock_value_incl_tax end as stock_value_incl_tax
from fct_inventory_daily as inventory
inner join dim_product_current as products on products.product_id = inventory.product_id
where inventory.inventory_date between :first_day and :last_day
    and (:every_category = 1 or coalesce(products.category, 'unknown') in (:categories))
    and (:every_warehouse = 1 or inventory.warehouse_key in (:warehouses))

-- What each product's stock was in each warehouse at the end of each day of the period.
select
    inventory_date,
    warehouse_key,
    product_id,
    closing_quantity,
    is_below_reorder_point,
    case when currency = :currency then stock_value_incl_tax end as stock_value_incl_tax
from fct_inventory_daily
where inventory_date between :first_day and :last_day
    and (
        :every_category = 1
        or product_id in (
            select product_id from dim_product_current where coalesce(category, 'unknown') in (:categories)
        )
    )
    and (:every_warehouse = 1 or warehouse_key in (:warehouses))

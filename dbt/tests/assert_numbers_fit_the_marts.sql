-- A price, discount or total with more digits than the marts promise, since the source's column was widened: null there, and
-- exact in staging.
select 'order_items' as stream, order_item_id as row_id
from {{ ref('int_order_items') }}
where not is_deleted and not (
    {{ fits_numeric('unit_price', 12, 2) }}
    and {{ fits_numeric('discount_rate', 5, 4) }}
    and {{ fits_numeric('line_total', 14, 2) }}
)

union all

select 'orders', order_id
from {{ ref('int_orders') }}
where not is_deleted and not ({{ fits_numeric('order_total', 14, 2) }})

union all

select 'products', product_id
from {{ ref('snap_products') }}
where dbt_valid_to is null and not ({{ fits_numeric('list_price', 12, 2) }})

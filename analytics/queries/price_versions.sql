select version_number, list_price, currency, valid_from, valid_to, is_current, is_deleted
from dim_product
where product_id = :product_id
order by version_number
limit 1000

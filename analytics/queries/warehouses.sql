select warehouse_key, coalesce(warehouse_code, cast(warehouse_id as varchar)) as warehouse, city
from dim_warehouse
order by warehouse
limit 500

select distinct coalesce(category, 'unknown') as category
from dim_product
order by category
limit 300

select distinct coalesce(country, 'unknown') as country
from dim_customer
order by country
limit 300

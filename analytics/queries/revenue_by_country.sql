with orders as ({{ relation orders }})

select country, {{ revenue }} as revenue, {{ orders }} as orders
from orders
group by country
order by revenue desc, country
limit 15

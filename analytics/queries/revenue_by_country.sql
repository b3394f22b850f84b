with orders as ({{ relation orders }}),

placed as (
    select coalesce(customers.country, 'unknown') as country, orders.*
    from orders
    left join dim_customer as customers on customers.customer_key = orders.customer_key
)

select country, {{ revenue }} as revenue, {{ orders }} as orders
from placed
group by country
order by revenue desc, country
limit 15

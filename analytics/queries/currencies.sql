select currency, count(*) as orders
from fct_orders
group by currency
order by orders desc, currency
limit 50

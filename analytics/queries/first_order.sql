select min(orders.order_date) as first_day
from fct_orders as orders
inner join dim_date as days on days.calendar_date = orders.order_date
where days.out_of_range is null

with orders as ({{ relation orders }})

select
    {{ revenue }} as revenue,
    {{ orders }} as orders,
    {{ average_order }} as average_order,
    {{ attributed_revenue }} as attributed_revenue,
    {{ placed_orders }} as placed_orders,
    {{ cancellation_rate }} as cancellation_rate,
    {{ returning_share }} as returning_share
from orders

with orders as ({{ relation orders }}),

days as ({{ relation calendar }})

select
    days.drawn_on,
    coalesce({{ revenue }}, 0) as revenue,
    coalesce({{ attributed_revenue }}, 0) as attributed_revenue,
    {{ orders }} as orders,
    {{ cancelled_orders }} as cancelled_orders
from days
left join orders on orders.order_date = days.calendar_date
group by days.drawn_on
order by days.drawn_on

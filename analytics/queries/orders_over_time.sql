with orders as ({{ relation orders }}),

days as ({{ relation calendar }})

select
    days.drawn_on,
    coalesce({{ revenue }}, 0) as revenue,
    coalesce({{ attributed_revenue }}, 0) as attributed_revenue,
    count(distinct case when not orders.is_cancelled then orders.order_id end) as orders,
    coalesce(sum(case when orders.is_cancelled then 1 else 0 end), 0) as cancelled_orders
from days
left join orders on orders.order_date = days.calendar_date
group by days.drawn_on
order by days.drawn_on

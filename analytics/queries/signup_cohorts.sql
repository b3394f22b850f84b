-- Of the customers who signed up in a month, how many ordered in that month and in each of the next ones. Cohorts are of all
-- time; the newest twelve with a customer who ordered are shown, up to the last day of the period.
with customers as (
    select customers.customer_key, signed.month_start as signed_up_month
    from dim_customer as customers
    inner join dim_date as signed on signed.calendar_date = customers.signed_up_on
    where signed.month_start is not null
        and customers.signed_up_on <= :last_day
        and (:every_country = 1 or coalesce(customers.country, 'unknown') in (:countries))
),

sizes as (
    select signed_up_month, count(*) as customers
    from customers
    group by signed_up_month
),

active as (
    select
        customers.signed_up_month,
        ordered.month_start as ordered_month,
        count(distinct customers.customer_key) as buyers
    from fct_orders as orders
    inner join customers on customers.customer_key = orders.customer_key
    inner join dim_date as ordered on ordered.calendar_date = orders.order_date
    where not orders.is_cancelled and orders.order_date <= :last_day and ordered.month_start is not null
    group by customers.signed_up_month, ordered.month_start
),

newest as (
    select signed_up_month, customers
    from sizes
    order by signed_up_month desc
    limit 12
)

select
    newest.signed_up_month,
    newest.customers,
    active.ordered_month,
    active.buyers,
    cast(active.buyers as double) / newest.customers as buyer_share
from newest
inner join active on active.signed_up_month = newest.signed_up_month
where active.ordered_month >= newest.signed_up_month
order by newest.signed_up_month, active.ordered_month
limit 500

with messages as ({{ relation messages }}),

by_country as (
    select coalesce(customers.country, 'unknown') as country, messages.*
    from messages
    left join dim_customer as customers on customers.customer_key = messages.customer_key
)

select
    country,
    {{ sent }} as sent,
    {{ delivery_rate }} as delivery_rate,
    {{ hard_bounce_rate }} as hard_bounce_rate,
    {{ soft_bounce_rate }} as soft_bounce_rate,
    {{ complaint_rate }} as complaint_rate,
    {{ unsubscribe_rate }} as unsubscribe_rate
from by_country
group by country
order by sent desc, country
limit 300

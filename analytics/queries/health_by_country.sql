with messages as ({{ relation messages }})

select
    country,
    {{ sent }} as sent,
    {{ delivery_rate }} as delivery_rate,
    {{ hard_bounce_rate }} as hard_bounce_rate,
    {{ soft_bounce_rate }} as soft_bounce_rate,
    {{ complaint_rate }} as complaint_rate,
    {{ unsubscribe_rate }} as unsubscribe_rate
from messages
group by country
order by sent desc, country
limit 300

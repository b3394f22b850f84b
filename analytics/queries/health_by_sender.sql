-- By the address that sent. Readers' addresses are in no mart, and so neither are their domains.
with messages as ({{ relation messages }}),

by_sender as (
    select coalesce(campaigns.from_address, 'unknown') as sender, messages.*
    from messages
    left join dim_campaign as campaigns on campaigns.campaign_key = messages.campaign_key
)

select
    sender,
    {{ sent }} as sent,
    {{ delivery_rate }} as delivery_rate,
    {{ hard_bounce_rate }} as hard_bounce_rate,
    {{ soft_bounce_rate }} as soft_bounce_rate,
    {{ complaint_rate }} as complaint_rate,
    {{ unsubscribe_rate }} as unsubscribe_rate
from by_sender
group by sender
order by sent desc, sender
limit 300

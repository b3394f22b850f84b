-- By the domain that sent. Readers' addresses are in no mart, and so neither are their domains.
with messages as ({{ relation messages }}),

by_sender as (
    select coalesce(nullif(split_part(campaigns.from_address, '@', 2), ''), 'unknown') as sender_domain, messages.*
    from messages
    left join dim_campaign as campaigns on campaigns.campaign_key = messages.campaign_key
)

select
    sender_domain,
    {{ sent }} as sent,
    {{ delivery_rate }} as delivery_rate,
    {{ hard_bounce_rate }} as hard_bounce_rate,
    {{ soft_bounce_rate }} as soft_bounce_rate,
    {{ complaint_rate }} as complaint_rate,
    {{ unsubscribe_rate }} as unsubscribe_rate
from by_sender
group by sender_domain
order by sent desc, sender_domain
limit 300

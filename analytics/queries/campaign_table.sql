with messages as ({{ relation messages_with_orders }}),

by_campaign as (
    select
        campaign_key,
        min(sent_date) as first_sent,
        {{ sent }} as sent,
        {{ delivered }} as delivered,
        {{ open_rate }} as open_rate,
        {{ people_open_rate }} as people_open_rate,
        {{ click_rate }} as click_rate,
        {{ unsubscribe_rate }} as unsubscribe_rate,
        {{ hours_to_open }} as hours_to_open,
        {{ hours_to_click }} as hours_to_click,
        {{ message_orders }} as message_orders,
        {{ message_revenue }} as message_revenue
    from messages
    group by campaign_key
),

campaigns as (
    select
        campaign_key,
        campaign_id,
        campaign_name,
        case when currency = :currency then budget end as budget
    from dim_campaign
)

select
    coalesce(campaigns.campaign_name, campaigns.campaign_id, 'unknown') as campaign,
    by_campaign.first_sent,
    by_campaign.sent,
    by_campaign.delivered,
    by_campaign.open_rate,
    by_campaign.people_open_rate,
    by_campaign.click_rate,
    by_campaign.unsubscribe_rate,
    by_campaign.hours_to_open,
    by_campaign.hours_to_click,
    by_campaign.message_orders,
    by_campaign.message_revenue,
    campaigns.budget
from by_campaign
left join campaigns on campaigns.campaign_key = by_campaign.campaign_key
order by by_campaign.message_revenue desc, by_campaign.sent desc, campaign
limit 1000

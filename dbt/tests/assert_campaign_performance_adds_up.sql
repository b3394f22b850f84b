-- Over all days a campaign's funnel counts each of its messages once per stage, and its revenue is that of the orders
-- attributed to it.
with

performance as (
    select
        campaign_key,
        sum(messages_sent) as sent,
        sum(messages_opened) as opened,
        sum(messages_clicked) as clicked,
        sum(attributed_orders) as orders,
        sum(attributed_revenue) as revenue
    from {{ ref('fct_campaign_performance') }}
    group by campaign_key
),

messages as (
    select campaign_key, count(sent_at) as sent, count(first_opened_at) as opened, count(first_clicked_at) as clicked
    from {{ ref('fct_email_messages') }}
    group by campaign_key
),

attributed as (
    select {{ surrogate_key('campaign', ['campaign_id']) }} as campaign_key, count(*) as orders, sum(order_total) as revenue
    from {{ ref('int_order_attribution') }}
    group by campaign_id
)

select messages.campaign_key
from messages
left join performance on performance.campaign_key = messages.campaign_key
left join attributed on attributed.campaign_key = messages.campaign_key
where coalesce(performance.sent, 0) <> messages.sent
    or coalesce(performance.opened, 0) <> messages.opened
    or coalesce(performance.clicked, 0) <> messages.clicked
    or coalesce(performance.orders, 0) <> coalesce(attributed.orders, 0)
    or coalesce(performance.revenue, 0) <> coalesce(attributed.revenue, 0)

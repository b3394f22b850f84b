-- Over all days a campaign's stages count each of its messages once, and its orders and revenue are those that go to its
-- clicks.
with

activity as (
    select
        campaign_key,
        sum(messages_sent) as sent,
        sum(messages_opened) as opened,
        sum(messages_clicked) as clicked,
        sum(attributed_orders) as orders,
        sum(attributed_revenue_incl_tax) as revenue
    from {{ ref('fct_campaign_activity_daily') }}
    group by campaign_key
),

messages as (
    select campaign_key, count(sent_at) as sent, count(first_opened_at) as opened, count(first_clicked_at) as clicked
    from {{ ref('fct_email_messages') }}
    group by campaign_key
),

attributed as (
    select
        attributed_campaign_key as campaign_key,
        sum(case when is_cancelled then 0 else 1 end) as orders,
        sum(case when currency = {{ shop_currency() }} then revenue_incl_tax end) as revenue
    from {{ ref('fct_orders') }}
    group by attributed_campaign_key
)

select messages.campaign_key
from messages
left join activity on activity.campaign_key = messages.campaign_key
left join attributed on attributed.campaign_key = messages.campaign_key
where coalesce(activity.sent, 0) <> messages.sent
    or coalesce(activity.opened, 0) <> messages.opened
    or coalesce(activity.clicked, 0) <> messages.clicked
    or coalesce(activity.orders, 0) <> coalesce(attributed.orders, 0)
    or coalesce(activity.revenue, 0) <> coalesce(attributed.revenue, 0)

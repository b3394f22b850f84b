with

messages as (
    select * from {{ ref('int_message_lifecycle') }}
),

-- A message counts once per stage, on the day on which it first reached it.
milestones as (
    select campaign_id, {{ calendar_day('cast(sent_at as date)') }} as activity_date, 'sent' as stage from messages
    union all
    select campaign_id, {{ calendar_day('cast(delivered_at as date)') }}, 'delivered' from messages
    union all
    select campaign_id, {{ calendar_day('cast(bounced_at as date)') }}, 'bounced' from messages
    union all
    select campaign_id, {{ calendar_day('cast(first_opened_at as date)') }}, 'opened' from messages
    union all
    select campaign_id, {{ calendar_day('cast(first_clicked_at as date)') }}, 'clicked' from messages
    union all
    select campaign_id, {{ calendar_day('cast(unsubscribed_at as date)') }}, 'unsubscribed' from messages
    union all
    select campaign_id, {{ calendar_day('cast(complained_at as date)') }}, 'complained' from messages
),

funnel as (
    select
        campaign_id,
        activity_date,
        sum(case when stage = 'sent' then 1 else 0 end) as messages_sent,
        sum(case when stage = 'delivered' then 1 else 0 end) as messages_delivered,
        sum(case when stage = 'bounced' then 1 else 0 end) as messages_bounced,
        sum(case when stage = 'opened' then 1 else 0 end) as messages_opened,
        sum(case when stage = 'clicked' then 1 else 0 end) as messages_clicked,
        sum(case when stage = 'unsubscribed' then 1 else 0 end) as messages_unsubscribed,
        sum(case when stage = 'complained' then 1 else 0 end) as messages_complained
    from milestones
    where activity_date is not null
    group by campaign_id, activity_date
),

revenue as (
    select
        campaign_id,
        {{ calendar_day('clicked_on') }} as activity_date,
        count(*) as attributed_orders,
        sum(order_total) as attributed_revenue
    from {{ ref('int_order_attribution') }}
    group by campaign_id, {{ calendar_day('clicked_on') }}
),

combined as (
    select
        coalesce(funnel.campaign_id, revenue.campaign_id) as campaign_id,
        coalesce(funnel.activity_date, revenue.activity_date) as activity_date,
        funnel.messages_sent,
        funnel.messages_delivered,
        funnel.messages_bounced,
        funnel.messages_opened,
        funnel.messages_clicked,
        funnel.messages_unsubscribed,
        funnel.messages_complained,
        revenue.attributed_orders,
        revenue.attributed_revenue
    from funnel
    full outer join revenue
        on revenue.campaign_id = funnel.campaign_id and revenue.activity_date = funnel.activity_date
)

select
    {{ surrogate_key('campaign', ['campaign_id']) }} as campaign_key,
    activity_date,
    cast(coalesce(messages_sent, 0) as bigint) as messages_sent,
    cast(coalesce(messages_delivered, 0) as bigint) as messages_delivered,
    cast(coalesce(messages_bounced, 0) as bigint) as messages_bounced,
    cast(coalesce(messages_opened, 0) as bigint) as messages_opened,
    cast(coalesce(messages_clicked, 0) as bigint) as messages_clicked,
    cast(coalesce(messages_unsubscribed, 0) as bigint) as messages_unsubscribed,
    cast(coalesce(messages_complained, 0) as bigint) as messages_complained,
    cast(coalesce(attributed_orders, 0) as bigint) as attributed_orders,
    cast(coalesce(attributed_revenue, 0) as numeric(38, 2)) as attributed_revenue
from combined

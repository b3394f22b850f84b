{{ config(pre_hook="{{ drop_renamed('fct_campaign_performance') }}") }}

with

landed as (
    {{ landed_until() }}
),

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
        {{ surrogate_key('campaign', ['campaign_id']) }} as campaign_key,
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

-- On the day of the click that the order goes to.
revenue as (
    select
        attributed_campaign_key as campaign_key,
        {{ calendar_day('cast(attributed_clicked_at as date)') }} as activity_date,
        sum(case when is_cancelled then 0 else 1 end) as attributed_orders,
        sum(case when currency = {{ shop_currency() }} then revenue_incl_tax end) as attributed_revenue_incl_tax
    from {{ ref('fct_orders') }}
    where attributed_campaign_key is not null
    group by attributed_campaign_key, {{ calendar_day('cast(attributed_clicked_at as date)') }}
),

combined as (
    select
        coalesce(funnel.campaign_key, revenue.campaign_key) as campaign_key,
        coalesce(funnel.activity_date, revenue.activity_date) as activity_date,
        funnel.messages_sent,
        funnel.messages_delivered,
        funnel.messages_bounced,
        funnel.messages_opened,
        funnel.messages_clicked,
        funnel.messages_unsubscribed,
        funnel.messages_complained,
        revenue.attributed_orders,
        revenue.attributed_revenue_incl_tax
    from funnel
    full outer join revenue
        on revenue.campaign_key = funnel.campaign_key and revenue.activity_date = funnel.activity_date
)

select
    combined.campaign_key,
    combined.activity_date,
    {{ window_is_over('combined.activity_date', var('attribution_window_days'), 'landed.until_day') }} as is_window_closed,
    cast(coalesce(combined.messages_sent, 0) as bigint) as messages_sent,
    cast(coalesce(combined.messages_delivered, 0) as bigint) as messages_delivered,
    cast(coalesce(combined.messages_bounced, 0) as bigint) as messages_bounced,
    cast(coalesce(combined.messages_opened, 0) as bigint) as messages_opened,
    cast(coalesce(combined.messages_clicked, 0) as bigint) as messages_clicked,
    cast(coalesce(combined.messages_unsubscribed, 0) as bigint) as messages_unsubscribed,
    cast(coalesce(combined.messages_complained, 0) as bigint) as messages_complained,
    cast(coalesce(combined.attributed_orders, 0) as bigint) as attributed_orders,
    cast({{ shop_currency() }} as varchar) as currency,
    cast(coalesce(combined.attributed_revenue_incl_tax, 0) as numeric(38, 2)) as attributed_revenue_incl_tax
from combined
cross join landed

{{ config(
    materialized='incremental',
    incremental_strategy='replace',
    unique_key=['campaign_key', 'activity_date'],
    pre_hook="{{ drop_renamed('fct_campaign_performance') }}",
) }}

with

landed as (
    {{ landed_until() }}
),

-- Whenever a message arrives, changes, or moves to another campaign, its _log_version becomes higher than all before.
-- So if both of these are unchanged, all messages are.
campaigns as (
    select
        campaign_id,
        {{ surrogate_key('campaign', ['campaign_id']) }} as campaign_key,
        count(*) as message_count,
        sum(_log_version) as version_total
    from {{ ref('int_message_lifecycle') }}
    group by campaign_id
),

-- On the day of the click that the order is attributed to.
revenue as (
    select
        attributed_campaign_key as campaign_key,
        {{ calendar_day('cast(attributed_clicked_at as date)') }} as activity_date,
        count(*) as order_count,
        sum(case when is_cancelled then 0 else 1 end) as attributed_orders,
        sum(case when currency = {{ shop_currency() }} then revenue_incl_tax end) as attributed_revenue_incl_tax
    from {{ ref('fct_orders') }}
    where attributed_campaign_key is not null
    group by attributed_campaign_key, {{ calendar_day('cast(attributed_clicked_at as date)') }}
),

{% if is_incremental() -%}
known as (
    select * from {{ this }}
),

-- The campaigns with a change since, caused by a message, an order or the calendar: all of their days are counted
-- again.
touched as (
    select campaigns.campaign_key
    from campaigns
    left join (select distinct campaign_key, _message_count, _version_total from known) as counted
        on counted.campaign_key = campaigns.campaign_key
    where counted.campaign_key is null
        or counted._message_count <> campaigns.message_count
        or counted._version_total <> campaigns.version_total

    union

    select known.campaign_key
    from known
    left join campaigns on campaigns.campaign_key = known.campaign_key
    where known._message_count <> coalesce(campaigns.message_count, 0)
        or known.activity_date < {{ first_day() }}
        or known.activity_date > {{ business_day() }}

    union

    select coalesce(known.campaign_key, revenue.campaign_key)
    from known
    full outer join revenue on revenue.campaign_key = known.campaign_key and revenue.activity_date = known.activity_date
    where coalesce(known._order_count, 0) <> coalesce(revenue.order_count, 0)
        or coalesce(known.attributed_orders, 0) <> coalesce(revenue.attributed_orders, 0)
        or coalesce(known.attributed_revenue_incl_tax, 0) <> coalesce(revenue.attributed_revenue_incl_tax, 0)
),
{%- endif %}

messages as (
    select lifecycle.*, campaigns.campaign_key
    from {{ ref('int_message_lifecycle') }} as lifecycle
    inner join campaigns on campaigns.campaign_id = lifecycle.campaign_id
    {%- if is_incremental() %}
    inner join touched on touched.campaign_key = campaigns.campaign_key
    {%- endif %}
),

-- A message counts once per stage, on the day on which it first reached it.
milestones as (
    select campaign_key, {{ calendar_day('cast(sent_at as date)') }} as activity_date, 'sent' as stage from messages
    union all
    select campaign_key, {{ calendar_day('cast(delivered_at as date)') }}, 'delivered' from messages
    union all
    select campaign_key, {{ calendar_day('cast(bounced_at as date)') }}, 'bounced' from messages
    union all
    select campaign_key, {{ calendar_day('cast(first_opened_at as date)') }}, 'opened' from messages
    union all
    select campaign_key, {{ calendar_day('cast(first_clicked_at as date)') }}, 'clicked' from messages
    union all
    select campaign_key, {{ calendar_day('cast(unsubscribed_at as date)') }}, 'unsubscribed' from messages
    union all
    select campaign_key, {{ calendar_day('cast(complained_at as date)') }}, 'complained' from messages
),

funnel as (
    select
        campaign_key,
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
    group by campaign_key, activity_date
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
        revenue.order_count,
        revenue.attributed_orders,
        revenue.attributed_revenue_incl_tax
    from funnel
    full outer join revenue
        on revenue.campaign_key = funnel.campaign_key and revenue.activity_date = funnel.activity_date
),

counted as (
    select
        combined.*,
        coalesce(campaigns.message_count, 0) as message_count,
        coalesce(campaigns.version_total, 0) as version_total
    from combined
    left join campaigns on campaigns.campaign_key = combined.campaign_key
    {%- if is_incremental() %}
    inner join touched on touched.campaign_key = combined.campaign_key

    union all

    select
        known.campaign_key,
        known.activity_date,
        known.messages_sent,
        known.messages_delivered,
        known.messages_bounced,
        known.messages_opened,
        known.messages_clicked,
        known.messages_unsubscribed,
        known.messages_complained,
        known._order_count,
        known.attributed_orders,
        known.attributed_revenue_incl_tax,
        known._message_count,
        known._version_total
    from known
    left join touched on touched.campaign_key = known.campaign_key
    where touched.campaign_key is null
    {%- endif %}
)

select
    counted.campaign_key,
    counted.activity_date,
    {{ window_is_over('counted.activity_date', var('attribution_window_days'), 'landed.until_day') }} as is_window_closed,
    cast(coalesce(counted.messages_sent, 0) as bigint) as messages_sent,
    cast(coalesce(counted.messages_delivered, 0) as bigint) as messages_delivered,
    cast(coalesce(counted.messages_bounced, 0) as bigint) as messages_bounced,
    cast(coalesce(counted.messages_opened, 0) as bigint) as messages_opened,
    cast(coalesce(counted.messages_clicked, 0) as bigint) as messages_clicked,
    cast(coalesce(counted.messages_unsubscribed, 0) as bigint) as messages_unsubscribed,
    cast(coalesce(counted.messages_complained, 0) as bigint) as messages_complained,
    cast(coalesce(counted.attributed_orders, 0) as bigint) as attributed_orders,
    cast({{ shop_currency() }} as varchar) as currency,
    cast(coalesce(counted.attributed_revenue_incl_tax, 0) as numeric(38, 2)) as attributed_revenue_incl_tax,
    cast(counted.message_count as bigint) as _message_count,
    cast(counted.version_total as bigint) as _version_total,
    cast(coalesce(counted.order_count, 0) as bigint) as _order_count
from counted
cross join landed

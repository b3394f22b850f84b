{{ config(
    materialized='incremental',
    incremental_strategy='replace',
    unique_key=['campaign_key', 'sent_date'],
) }}

with

landed as (
    {{ landed_until() }}
),

-- Each order with the cohort of the message with its attributed click.
orders as (
    select
        messages.campaign_key,
        messages.sent_date,
        sum(case when orders.is_cancelled then 0 else 1 end) as attributed_orders,
        sum(case when orders.is_cancelled then 1 else 0 end) as attributed_orders_cancelled,
        sum(case when orders.currency = {{ shop_currency() }} then orders.revenue_incl_tax end) as attributed_revenue_incl_tax
    from {{ ref('fct_orders') }} as orders
    inner join {{ ref('fct_email_messages') }} as messages on messages.message_id = orders.attributed_message_id
    group by messages.campaign_key, messages.sent_date
),

{% if is_incremental() -%}
known as (
    select * from {{ this }}
),

-- Whenever a message arrives, changes or moves to another cohort, its _log_version becomes higher than all before. Only
-- these three of its columns change without a new version. So if all of these are unchanged, all counts of messages
-- are.
present as (
    select
        campaign_key,
        sent_date,
        count(*) as messages_sent,
        sum(_log_version) as version_total,
        sum(case when not consent_when_sent then 1 else 0 end) as messages_without_consent,
        sum(case when is_after_unsubscription then 1 else 0 end) as messages_after_unsubscription,
        sum(case when is_after_hard_bounce then 1 else 0 end) as messages_after_hard_bounce
    from {{ ref('fct_email_messages') }}
    group by campaign_key, sent_date
),

-- The cohorts that are counted again. A date outside of the calendar may come into it just because the run's day moves.
touched as (
    select
        coalesce(present.campaign_key, known.campaign_key) as campaign_key,
        coalesce(present.sent_date, known.sent_date) as sent_date
    from present
    full outer join known on known.campaign_key = present.campaign_key and known.sent_date = present.sent_date
    left join orders on orders.campaign_key = present.campaign_key and orders.sent_date = present.sent_date
    where known.campaign_key is null
        or present.campaign_key is null
        or known.messages_sent <> present.messages_sent
        or known._version_total <> present.version_total
        or known.messages_without_consent <> coalesce(present.messages_without_consent, 0)
        or known.messages_after_unsubscription <> present.messages_after_unsubscription
        or known.messages_after_hard_bounce <> present.messages_after_hard_bounce
        or known.attributed_orders <> coalesce(orders.attributed_orders, 0)
        or known.attributed_orders_cancelled <> coalesce(orders.attributed_orders_cancelled, 0)
        or known.attributed_revenue_incl_tax <> coalesce(orders.attributed_revenue_incl_tax, 0)
        or known.sent_date < {{ first_day() }}
        or known.sent_date > {{ business_day() }}
),
{%- endif %}

{% if is_incremental() -%}
-- Their messages: those within the calendar, from the first day on, and those before it.
messages_around as (
    select *
    from {{ ref('fct_email_messages') }}
    where sent_date >= (select min(sent_date) from touched where sent_date >= {{ first_day() }})

    union all

    select *
    from {{ ref('fct_email_messages') }}
    where sent_date < {{ first_day() }}
),

messages as (
    select messages.*
    from messages_around as messages
    inner join touched on touched.campaign_key = messages.campaign_key and touched.sent_date = messages.sent_date
),
{%- else -%}
messages as (
    select * from {{ ref('fct_email_messages') }}
),
{%- endif %}

funnel as (
    select
        campaign_key,
        sent_date,
        count(*) as messages_sent,
        sum(_log_version) as version_total,
        sum(case when is_delivered then 1 else 0 end) as messages_delivered,
        sum(case when is_opened then 1 else 0 end) as messages_opened,
        sum(case when is_opened_by_human then 1 else 0 end) as messages_opened_by_human,
        sum(case when is_clicked then 1 else 0 end) as messages_clicked,
        sum(case when is_bounced then 1 else 0 end) as messages_bounced,
        sum(case when unsubscribed_at is not null then 1 else 0 end) as messages_unsubscribed,
        sum(case when complained_at is not null then 1 else 0 end) as messages_complained,
        sum(case when not consent_when_sent then 1 else 0 end) as messages_without_consent,
        sum(case when is_after_unsubscription then 1 else 0 end) as messages_after_unsubscription,
        sum(case when is_after_hard_bounce then 1 else 0 end) as messages_after_hard_bounce,
        sum(case when sent_at is not null and delivered_at is not null then 1 else 0 end) as timed_deliveries,
        sum({{ dbt.datediff('sent_at', 'delivered_at', 'second') }}) as seconds_to_delivery,
        sum(case when sent_at is not null and first_opened_at is not null then 1 else 0 end) as timed_opens,
        sum({{ dbt.datediff('sent_at', 'first_opened_at', 'second') }}) as seconds_to_open,
        sum(case when sent_at is not null and first_clicked_at is not null then 1 else 0 end) as timed_clicks,
        sum({{ dbt.datediff('sent_at', 'first_clicked_at', 'second') }}) as seconds_to_click
    from messages
    group by campaign_key, sent_date
),

last_clicks as (
    select messages.campaign_key, messages.sent_date, max(events.occurred_at) as clicked_at
    from {{ ref('int_email_events') }} as events
    inner join messages on messages.message_id = events.message_id
    where events.event_type = 'clicked'
        and events.occurred_at >= (select min(first_clicked_at) from messages)
    group by messages.campaign_key, messages.sent_date
),

counted as (
    select
        funnel.campaign_key,
        funnel.sent_date,
        cast(funnel.messages_sent as bigint) as messages_sent,
        cast(funnel.messages_delivered as bigint) as messages_delivered,
        cast(funnel.messages_opened as bigint) as messages_opened,
        cast(funnel.messages_opened_by_human as bigint) as messages_opened_by_human,
        cast(funnel.messages_opened - funnel.messages_opened_by_human as bigint) as messages_opened_by_machine_only,
        cast(funnel.messages_clicked as bigint) as messages_clicked,
        cast(funnel.messages_bounced as bigint) as messages_bounced,
        cast(funnel.messages_unsubscribed as bigint) as messages_unsubscribed,
        cast(funnel.messages_complained as bigint) as messages_complained,
        cast(coalesce(funnel.messages_without_consent, 0) as bigint) as messages_without_consent,
        cast(funnel.messages_after_unsubscription as bigint) as messages_after_unsubscription,
        cast(funnel.messages_after_hard_bounce as bigint) as messages_after_hard_bounce,
        cast(funnel.timed_deliveries as bigint) as timed_deliveries,
        {{ hours('coalesce(funnel.seconds_to_delivery, 0)') }} as hours_to_delivery_total,
        cast(funnel.timed_opens as bigint) as timed_opens,
        {{ hours('coalesce(funnel.seconds_to_open, 0)') }} as hours_to_open_total,
        cast(funnel.timed_clicks as bigint) as timed_clicks,
        {{ hours('coalesce(funnel.seconds_to_click, 0)') }} as hours_to_click_total,
        cast(coalesce(orders.attributed_orders, 0) as bigint) as attributed_orders,
        cast(coalesce(orders.attributed_orders_cancelled, 0) as bigint) as attributed_orders_cancelled,
        cast(coalesce(orders.attributed_revenue_incl_tax, 0) as numeric(38, 2)) as attributed_revenue_incl_tax,
        cast(funnel.version_total as bigint) as _version_total,
        last_clicks.clicked_at as _last_clicked_at
    from funnel
    left join orders on orders.campaign_key = funnel.campaign_key and orders.sent_date = funnel.sent_date
    left join last_clicks on last_clicks.campaign_key = funnel.campaign_key and last_clicks.sent_date = funnel.sent_date
    {%- if is_incremental() %}

    union all

    select
        known.campaign_key,
        known.sent_date,
        known.messages_sent,
        known.messages_delivered,
        known.messages_opened,
        known.messages_opened_by_human,
        known.messages_opened_by_machine_only,
        known.messages_clicked,
        known.messages_bounced,
        known.messages_unsubscribed,
        known.messages_complained,
        known.messages_without_consent,
        known.messages_after_unsubscription,
        known.messages_after_hard_bounce,
        known.timed_deliveries,
        known.hours_to_delivery_total,
        known.timed_opens,
        known.hours_to_open_total,
        known.timed_clicks,
        known.hours_to_click_total,
        known.attributed_orders,
        known.attributed_orders_cancelled,
        known.attributed_revenue_incl_tax,
        known._version_total,
        known._last_clicked_at
    from known
    left join touched on touched.campaign_key = known.campaign_key and touched.sent_date = known.sent_date
    where touched.campaign_key is null
    {%- endif %}
),

-- An attribution window is open seven days from the click.
flagged as (
    select
        counted.*,
        counted.sent_date <> {{ unknown_day() }}
        and {{ window_is_over('counted.sent_date', var('engagement_window_days'), 'landed.until_day') }} as is_mature,
        counted._last_clicked_at is null
        or {{ window_is_over('cast(counted._last_clicked_at as date)', var('attribution_window_days'), 'landed.until_day') }} as clicks_are_over
    from counted
    cross join landed
)

select
    campaign_key,
    sent_date,
    is_mature,
    is_mature and clicks_are_over as is_window_closed,
    messages_sent,
    messages_delivered,
    messages_opened,
    messages_opened_by_human,
    messages_opened_by_machine_only,
    messages_clicked,
    messages_bounced,
    messages_unsubscribed,
    messages_complained,
    messages_without_consent,
    messages_after_unsubscription,
    messages_after_hard_bounce,
    timed_deliveries,
    hours_to_delivery_total,
    timed_opens,
    hours_to_open_total,
    timed_clicks,
    hours_to_click_total,
    attributed_orders,
    attributed_orders_cancelled,
    cast({{ shop_currency() }} as varchar) as currency,
    attributed_revenue_incl_tax,
    _version_total,
    _last_clicked_at
from flagged

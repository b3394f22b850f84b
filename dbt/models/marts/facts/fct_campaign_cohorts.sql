with

landed as (
    {{ landed_until() }}
),

messages as (
    select * from {{ ref('fct_email_messages') }}
),

funnel as (
    select
        campaign_key,
        sent_date,
        count(*) as messages_sent,
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

-- Each order with the cohort of the message whose click it goes to. A window is open seven days from the click.
orders as (
    select
        messages.campaign_key,
        messages.sent_date,
        sum(case when orders.is_cancelled then 0 else 1 end) as attributed_orders,
        sum(case when orders.is_cancelled then 1 else 0 end) as attributed_orders_cancelled,
        sum(case when orders.currency = {{ shop_currency() }} then orders.revenue_incl_tax end) as attributed_revenue_incl_tax
    from {{ ref('fct_orders') }} as orders
    inner join messages on messages.message_id = orders.attributed_message_id
    group by messages.campaign_key, messages.sent_date
),

last_clicks as (
    select messages.campaign_key, messages.sent_date, max(cast(events.occurred_at as date)) as clicked_on
    from {{ ref('int_email_events') }} as events
    inner join messages on messages.message_id = events.message_id
    where events.event_type = 'clicked'
    group by messages.campaign_key, messages.sent_date
),

flagged as (
    select
        funnel.*,
        orders.attributed_orders,
        orders.attributed_orders_cancelled,
        orders.attributed_revenue_incl_tax,
        funnel.sent_date <> {{ unknown_day() }}
        and {{ window_is_over('funnel.sent_date', var('engagement_window_days'), 'landed.until_day') }} as is_mature,
        last_clicks.clicked_on is null
        or {{ window_is_over('last_clicks.clicked_on', var('attribution_window_days'), 'landed.until_day') }} as clicks_are_over
    from funnel
    cross join landed
    left join orders on orders.campaign_key = funnel.campaign_key and orders.sent_date = funnel.sent_date
    left join last_clicks on last_clicks.campaign_key = funnel.campaign_key and last_clicks.sent_date = funnel.sent_date
)

select
    campaign_key,
    sent_date,
    is_mature,
    is_mature and clicks_are_over as is_window_closed,
    cast(messages_sent as bigint) as messages_sent,
    cast(messages_delivered as bigint) as messages_delivered,
    cast(messages_opened as bigint) as messages_opened,
    cast(messages_opened_by_human as bigint) as messages_opened_by_human,
    cast(messages_opened - messages_opened_by_human as bigint) as messages_opened_by_machine_only,
    cast(messages_clicked as bigint) as messages_clicked,
    cast(messages_bounced as bigint) as messages_bounced,
    cast(messages_unsubscribed as bigint) as messages_unsubscribed,
    cast(messages_complained as bigint) as messages_complained,
    cast(coalesce(messages_without_consent, 0) as bigint) as messages_without_consent,
    cast(messages_after_unsubscription as bigint) as messages_after_unsubscription,
    cast(messages_after_hard_bounce as bigint) as messages_after_hard_bounce,
    cast(timed_deliveries as bigint) as timed_deliveries,
    {{ hours('coalesce(seconds_to_delivery, 0)') }} as hours_to_delivery_total,
    cast(timed_opens as bigint) as timed_opens,
    {{ hours('coalesce(seconds_to_open, 0)') }} as hours_to_open_total,
    cast(timed_clicks as bigint) as timed_clicks,
    {{ hours('coalesce(seconds_to_click, 0)') }} as hours_to_click_total,
    cast(coalesce(attributed_orders, 0) as bigint) as attributed_orders,
    cast(coalesce(attributed_orders_cancelled, 0) as bigint) as attributed_orders_cancelled,
    cast({{ shop_currency() }} as varchar) as currency,
    cast(coalesce(attributed_revenue_incl_tax, 0) as numeric(38, 2)) as attributed_revenue_incl_tax
from flagged

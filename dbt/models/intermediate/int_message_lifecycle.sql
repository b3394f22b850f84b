{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='message_id',
    post_hook=["{{ delete_messages_without_events(this) }}", "{{ log_row_count(last=true) }}"],
) }}

with

{% if is_incremental() -%}
-- A message with a new event, and a message that an event has left, is computed again from all of its events, because events come
-- late and in any order. Its version is the newest one that changed it. A message without events gets a row without any, which is
-- then deleted.
touched as (
    select message_id, max(version) as version
    from (
        select message_id, _log_version as version
        from {{ ref('int_email_events') }}
        where _log_version > (select coalesce(max(_log_version), 0) from {{ this }})

        union all

        {{ messages_left(after='select coalesce(max(_log_version), 0) from ' ~ this) }}
    ) as messages
    group by message_id
),

events as (
    select
        touched.message_id,
        events.campaign_id,
        events.recipient_hash,
        events.event_type,
        events.is_machine_open,
        events.bounce_class,
        events.occurred_at,
        touched.version as _log_version
    from touched
    left join {{ ref('int_email_events') }} as events on events.message_id = touched.message_id
)
{%- else -%}
events as (
    select * from {{ ref('int_email_events') }}
)
{%- endif %}

select
    message_id,
    min(campaign_id) as campaign_id,
    min(recipient_hash) as recipient_hash,
    min(case when event_type = 'sent' then occurred_at end) as sent_at,
    min(case when event_type = 'delivered' then occurred_at end) as delivered_at,
    min(case when event_type = 'bounced' then occurred_at end) as bounced_at,
    min(case when event_type = 'bounced' and bounce_class = 'hard' then occurred_at end) as hard_bounced_at,
    min(case when event_type = 'opened' then occurred_at end) as first_opened_at,
    min(case when event_type = 'opened' and not is_machine_open then occurred_at end) as first_human_opened_at,
    min(case when event_type = 'clicked' then occurred_at end) as first_clicked_at,
    min(case when event_type = 'unsubscribed' then occurred_at end) as unsubscribed_at,
    min(case when event_type = 'complained' then occurred_at end) as complained_at,
    cast(sum(case when event_type = 'opened' then 1 else 0 end) as bigint) as open_count,
    cast(sum(case when is_machine_open then 1 else 0 end) as bigint) as machine_open_count,
    cast(sum(case when event_type = 'clicked' then 1 else 0 end) as bigint) as click_count,
    min(case when event_type = 'bounced' then bounce_class end) as bounce_class,
    -- The furthest stage of the message. A complaint or an unsubscription is a reaction to it, not a stage.
    case
        when max(case when event_type = 'clicked' then 1 else 0 end) = 1 then 'clicked'
        when max(case when event_type = 'opened' then 1 else 0 end) = 1 then 'opened'
        when max(case when event_type = 'bounced' then 1 else 0 end) = 1 then 'bounced'
        when max(case when event_type = 'delivered' then 1 else 0 end) = 1 then 'delivered'
        when max(case when event_type = 'sent' then 1 else 0 end) = 1 then 'sent'
        else 'unknown'
    end as message_status,
    min(occurred_at) as first_event_at,
    max(_log_version) as _log_version
from events
group by message_id

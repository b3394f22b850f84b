{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='message_id',
    post_hook="{{ cluster_by('sent_date') }}",
) }}

with

-- Without the unknown member, whose identifier a customer may have.
customers as (
    select * from {{ ref('dim_customer') }} where customer_key <> {{ unknown_key() }}
),

-- Whoever reacted to a message has it: what was not reported of the stages before is implied.
stages as (
    select
        *,
        first_clicked_at is not null as is_clicked,
        first_clicked_at is not null or first_opened_at is not null as is_opened,
        first_clicked_at is not null or first_human_opened_at is not null as is_opened_by_human,
        coalesce(delivered_at, first_opened_at, first_clicked_at, unsubscribed_at, complained_at) is not null as is_delivered
    from {{ ref('int_message_lifecycle') }}
),

messages as (
    select
        stages.message_id,
        {{ surrogate_key('campaign', ['stages.campaign_id']) }} as campaign_key,
        coalesce(customers.customer_key, {{ unknown_key() }}) as customer_key,
        stages.recipient_hash,
        {{ calendar_member('cast(stages.sent_at as date)') }} as sent_date,
        {{ local_calendar_member('stages.sent_at') }} as sent_local_date,
        stages.message_status,
        stages.is_delivered,
        stages.bounced_at is not null and not stages.is_delivered as is_bounced,
        stages.is_opened,
        stages.is_opened_by_human,
        stages.is_clicked,
        context.consent_when_sent,
        context.is_after_unsubscription,
        context.is_after_hard_bounce,
        stages.sent_at,
        stages.delivered_at,
        stages.bounced_at,
        stages.first_opened_at,
        stages.first_human_opened_at,
        stages.first_clicked_at,
        stages.unsubscribed_at,
        stages.complained_at,
        cast({{ dbt.datediff('stages.sent_at', 'stages.delivered_at', 'second') }} as bigint) as seconds_to_delivery,
        cast({{ dbt.datediff('stages.delivered_at', 'stages.first_opened_at', 'second') }} as bigint) as seconds_to_first_open,
        cast({{ dbt.datediff('stages.first_opened_at', 'stages.first_clicked_at', 'second') }} as bigint) as seconds_to_first_click,
        stages.open_count,
        stages.machine_open_count,
        stages.click_count,
        stages.bounce_class,
        stages._log_version
    from stages
    inner join {{ ref('int_message_context') }} as context on context.message_id = stages.message_id
    left join customers on customers.customer_id = context.customer_id
)

-- Written are messages with a new event, and those around which something has changed: whose address it was, whether they
-- consented, a refusal that was reported late, an erasure, the calendar.
select messages.*
from messages
{%- if is_incremental() %}
left join {{ this }} as known on known.message_id = messages.message_id
where known.message_id is null
    or known._log_version <> messages._log_version
    or known.customer_key <> messages.customer_key
    or known.consent_when_sent is distinct from messages.consent_when_sent
    or known.is_after_unsubscription <> messages.is_after_unsubscription
    or known.is_after_hard_bounce <> messages.is_after_hard_bounce
    or known.sent_date <> messages.sent_date
    or known.sent_local_date <> messages.sent_local_date
{%- endif %}

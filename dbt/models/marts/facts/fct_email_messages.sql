{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='message_id',
    post_hook=["{{ delete_messages_without_events(ref('int_message_lifecycle')) }}", "{{ cluster_by('sent_date') }}", "{{ log_row_count(last=true) }}"],
) }}

-- dbt does not see what only an incremental run refers to:
-- depends_on: {{ ref('int_email_events') }}

with

-- Without the unknown member, whose identifier a real customer may have.
customers as (
    select * from {{ ref('dim_customer') }} where customer_key <> {{ unknown_key() }}
),

refusals as (
    select
        recipient_hash,
        min(case when kind = 'unsubscribed' then refused_at end) as unsubscribed_at,
        min(case when kind = 'bounced hard' then refused_at end) as hard_bounced_at,
        max(_message_version) as message_version
    from {{ ref('int_address_refusals') }}
    group by recipient_hash
),

customers_landed as (
    {{ customers_version() }}
),

{% if is_incremental() -%}
touched as (
    {{ addresses_touched() }}
),

new_rows as (
    select message_id, recipient_hash, unsubscribed_at, bounced_at, hard_bounced_at, bounce_class, _log_version
    from {{ ref('int_message_lifecycle') }}
    where _log_version > (select coalesce(max(_log_version), 0) from {{ this }})
),

messages_left as (
    {{ messages_left(after='select coalesce(max(_log_version), 0) from ' ~ this) }}
),

-- The addresses with a new first refusal, and those of messages whose refusal a new event may have changed.
refusing as (
    select recipient_hash
    from refusals
    where message_version > (select coalesce(max(_log_version), 0) from {{ this }})

    union

    select known.recipient_hash
    from {{ this }} as known
    inner join new_rows on new_rows.message_id = known.message_id
    where (known.unsubscribed_at is not null or known.bounced_at is not null)
        and (
            known.recipient_hash <> new_rows.recipient_hash
            or known.unsubscribed_at is distinct from new_rows.unsubscribed_at
            or known.bounced_at is distinct from new_rows.bounced_at
            or known.bounce_class is distinct from new_rows.bounce_class
            or new_rows.hard_bounced_at <> new_rows.bounced_at
        )

    union

    -- Where an event was theirs until now, it may have been the refusal, or all that there was of them.
    select known.recipient_hash
    from {{ this }} as known
    inner join messages_left on messages_left.message_id = known.message_id
    where known.unsubscribed_at is not null or known.bounced_at is not null
),

-- Messages with a new event, and messages whose context may have changed: the calendar, a refusal that was reported
-- late, the holder of the address or the consent, an erasure. With their versions, which equal those of
-- int_message_lifecycle unless they are higher there. By these versions, no older message has to be read.
to_look_at as (
    select message_id, _log_version from new_rows

    union

    select message_id, _log_version
    from {{ this }}
    where {{ calendar_has_moved('sent_date', 'cast(sent_at as date)') }}
        or {{ local_calendar_has_moved('sent_local_date', 'sent_at') }}

    union

    select known.message_id, known._log_version
    from {{ this }} as known
    inner join refusing on refusing.recipient_hash = known.recipient_hash
    left join refusals on refusals.recipient_hash = known.recipient_hash
    where known.is_after_unsubscription <> coalesce(refusals.unsubscribed_at < known.sent_at, false)
        or known.is_after_hard_bounce <> coalesce(refusals.hard_bounced_at < known.sent_at, false)

    union

    select known.message_id, known._log_version
    from {{ this }} as known
    inner join touched on touched.email_hash = known.recipient_hash
),
{%- endif %}

-- A recipient who reacted to a message has received it: earlier stages that were not reported are implied.
stages as (
    select
        lifecycle.*,
        -- If no send was reported, the earliest reported event counts.
        coalesce(lifecycle.sent_at, lifecycle.first_event_at) as resolved_at,
        lifecycle.first_clicked_at is not null as is_clicked,
        lifecycle.first_clicked_at is not null or lifecycle.first_opened_at is not null as is_opened,
        lifecycle.first_clicked_at is not null or lifecycle.first_human_opened_at is not null as is_opened_by_human,
        coalesce(
            lifecycle.delivered_at, lifecycle.first_opened_at, lifecycle.first_clicked_at, lifecycle.unsubscribed_at,
            lifecycle.complained_at
        ) is not null as is_delivered
    from {{ ref('int_message_lifecycle') }} as lifecycle
    {%- if is_incremental() %}
    inner join to_look_at on to_look_at.message_id = lifecycle.message_id and to_look_at._log_version = lifecycle._log_version
    {%- endif %}
),

-- By the holder of the address at the time of sending, not by today's.
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
        versions.marketing_consent as consent_when_sent,
        coalesce(refusals.unsubscribed_at < stages.sent_at, false) as is_after_unsubscription,
        coalesce(refusals.hard_bounced_at < stages.sent_at, false) as is_after_hard_bounce,
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
        stages._log_version,
        customers_landed.version as _customers_version
    from stages
    cross join customers_landed
    left join {{ ref('int_address_holders') }} as holders
        on holders.email_hash = stages.recipient_hash
        and {{ in_history('stages.resolved_at') }} >= holders.valid_from
        and {{ in_history('stages.resolved_at') }} < holders.valid_to
    left join {{ ref('int_customer_versions') }} as versions
        on versions.customer_id = holders.customer_id
        and {{ in_history('stages.resolved_at') }} >= versions.valid_from
        and {{ in_history('stages.resolved_at') }} < versions.valid_to
    left join customers on customers.customer_id = holders.customer_id
    left join refusals on refusals.recipient_hash = stages.recipient_hash
)

select messages.*
from messages
{%- if is_incremental() %}
left join (
    select held.*
    from {{ this }} as held
    inner join to_look_at on to_look_at.message_id = held.message_id and to_look_at._log_version = held._log_version
) as known
    on known.message_id = messages.message_id
-- A message with a new event has no version here, or its former one if its context has changed too.
where known.message_id is null
    or known._log_version <> messages._log_version
    or known.customer_key <> messages.customer_key
    or known.consent_when_sent is distinct from messages.consent_when_sent
    or known.is_after_unsubscription <> messages.is_after_unsubscription
    or known.is_after_hard_bounce <> messages.is_after_hard_bounce
    or known.sent_date <> messages.sent_date
    or known.sent_local_date <> messages.sent_local_date
{%- endif %}

{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='event_id',
        pre_hook="{{ set_email_salt() }}",
    )
}}

with

new_rows as (
    {{ new_rows('email_events', email_events_columns()) }}
)
{%- if is_incremental() %},

-- What the table has of events that are listed again.
known as (
    select known.event_id, known.message_id, known._former_messages
    from {{ this }} as known
    inner join new_rows on new_rows.event_id = known.event_id
)
{%- endif %}

-- Data that may name a person stays in STAGING: the address, the link with its query, the server's text in a bounce.
select
    new_rows.event_id,
    new_rows.event_type,
    new_rows.message_id,
    new_rows.campaign_id,
    {{ hash_email('new_rows.recipient') }} as recipient_hash,
    new_rows.occurred_at,
    new_rows.received_at,
    new_rows.link_sku,
    new_rows.bounce_class,
    new_rows.bounce_code,
    new_rows.user_agent,
    new_rows.event_type = 'opened' and {{ is_machine('new_rows.user_agent') }} as is_machine_open,
    new_rows._log_version,
    {%- if is_incremental() %}
    case when known.event_id is not null then {{ former_messages('new_rows', 'known') }} end as _former_messages
    {%- else %}
    cast(null as varchar) as _former_messages
    {%- endif %}
from new_rows
{%- if is_incremental() %}
left join known on known.event_id = new_rows.event_id
{%- endif %}

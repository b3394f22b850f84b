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

-- Data that may name a person stays in STAGING: the address, the link with its query, the server's text in a bounce.
select
    event_id,
    event_type,
    message_id,
    campaign_id,
    {{ hash_email('recipient') }} as recipient_hash,
    occurred_at,
    received_at,
    link_sku,
    bounce_class,
    bounce_code,
    user_agent,
    event_type = 'opened' and {{ is_machine('user_agent') }} as is_machine_open,
    _log_version
from new_rows

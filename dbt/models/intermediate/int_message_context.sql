{{ config(materialized='view') }}

with

messages as (
    select
        message_id,
        recipient_hash,
        -- Where no send has been reported, the earliest that has.
        coalesce(sent_at, first_event_at) as resolved_at,
        sent_at
    from {{ ref('int_message_lifecycle') }}
),

refusals as (
    select
        recipient_hash,
        min(unsubscribed_at) as unsubscribed_at,
        min(hard_bounced_at) as hard_bounced_at
    from {{ ref('int_message_lifecycle') }}
    where unsubscribed_at is not null or hard_bounced_at is not null
    group by recipient_hash
)

select
    messages.message_id,
    holders.customer_id,
    versions.marketing_consent as consent_when_sent,
    coalesce(refusals.unsubscribed_at < messages.sent_at, false) as is_after_unsubscription,
    coalesce(refusals.hard_bounced_at < messages.sent_at, false) as is_after_hard_bounce
from messages
left join {{ ref('int_address_holders') }} as holders
    on holders.email_hash = messages.recipient_hash
    and {{ in_history('messages.resolved_at') }} >= holders.valid_from
    and {{ in_history('messages.resolved_at') }} < holders.valid_to
left join {{ ref('int_customer_versions') }} as versions
    on versions.customer_id = holders.customer_id
    and {{ in_history('messages.resolved_at') }} >= versions.valid_from
    and {{ in_history('messages.resolved_at') }} < versions.valid_to
left join refusals on refusals.recipient_hash = messages.recipient_hash

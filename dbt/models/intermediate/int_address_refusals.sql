{{ config(materialized='incremental', incremental_strategy='replace', unique_key=['recipient_hash', 'kind']) }}

-- dbt does not see what only an incremental run refers to:
-- depends_on: {{ ref('int_email_events') }}

with

landed as (
    select coalesce(max(_log_version), 0) as events_version from {{ ref('int_message_lifecycle') }}
),

{% if is_incremental() -%}
known as (
    select * from {{ this }}
),

messages_touched as (
    select message_id, recipient_hash, unsubscribed_at, hard_bounced_at, _log_version
    from {{ ref('int_message_lifecycle') }}
    where _log_version > (select coalesce(max(_events_version), 0) from {{ this }})

    union all

    -- One without an event left is there no more.
    select message_id, null, null, null, version
    from ({{ messages_left(after='select coalesce(max(_events_version), 0) from ' ~ this) }}) as left_behind
),

refusals_touched as (
    {{ refusals_of('messages_touched') }}
),

-- Former first refusals that are no longer refusals, or are later now, or belong to another address.
withdrawn as (
    select known.recipient_hash, known.kind
    from known
    inner join messages_touched on messages_touched.message_id = known.message_id
    left join refusals_touched
        on refusals_touched.message_id = known.message_id
        and refusals_touched.kind = known.kind
        and refusals_touched.recipient_hash = known.recipient_hash
        and refusals_touched.refused_at <= known.refused_at
    where refusals_touched.message_id is null
),

messages_to_those as (
    select message_id, recipient_hash, unsubscribed_at, hard_bounced_at, _log_version
    from {{ ref('int_message_lifecycle') }}
    where recipient_hash in (select recipient_hash from withdrawn)
),

refusals as (
    select * from refusals_touched

    union all

    select known.recipient_hash, known.kind, known.refused_at, known.message_id, known._message_version
    from known
    left join withdrawn on withdrawn.recipient_hash = known.recipient_hash and withdrawn.kind = known.kind
    where withdrawn.kind is null

    union all

    {{ refusals_of('messages_to_those') }}
)
{%- else -%}
refusals as (
    {{ refusals_of(ref('int_message_lifecycle')) }}
)
{%- endif %}

select
    refusals.recipient_hash,
    refusals.kind,
    refusals.refused_at,
    refusals.message_id,
    refusals._message_version,
    landed.events_version as _events_version
from refusals
cross join landed
qualify row_number() over (
    partition by refusals.recipient_hash, refusals.kind
    order by refusals.refused_at, refusals.message_id, refusals._message_version desc
) = 1

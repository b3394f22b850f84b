{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='event_id',
    post_hook="{{ cluster_by('event_date') }}",
) }}

select
    event_id,
    {{ calendar_day('cast(occurred_at as date)') }} as event_date,
    {{ surrogate_key('campaign', ['campaign_id']) }} as campaign_key,
    message_id,
    recipient_hash,
    event_type,
    occurred_at,
    received_at,
    cast({{ dbt.datediff('occurred_at', 'received_at', 'second') }} as bigint) as seconds_to_receipt,
    link_sku,
    bounce_class,
    cast(bounce_code as bigint) as bounce_code,
    _log_version
from {{ ref('int_email_events') }}
{%- if is_incremental() %}
where _log_version > (select coalesce(max(_log_version), 0) from {{ this }})
    or event_id in (
        select event_id from {{ this }} where {{ calendar_has_moved('event_date', 'cast(occurred_at as date)') }}
    )
{%- endif %}

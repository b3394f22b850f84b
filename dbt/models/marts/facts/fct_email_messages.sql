{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='message_id',
    post_hook="{{ cluster_by('sent_date') }}",
) }}

select
    message_id,
    {{ surrogate_key('campaign', ['campaign_id']) }} as campaign_key,
    recipient_hash,
    {{ calendar_day('cast(sent_at as date)') }} as sent_date,
    message_status,
    sent_at,
    delivered_at,
    bounced_at,
    first_opened_at,
    first_clicked_at,
    unsubscribed_at,
    complained_at,
    cast({{ dbt.datediff('sent_at', 'delivered_at', 'second') }} as bigint) as seconds_to_delivery,
    cast({{ dbt.datediff('delivered_at', 'first_opened_at', 'second') }} as bigint) as seconds_to_first_open,
    cast({{ dbt.datediff('first_opened_at', 'first_clicked_at', 'second') }} as bigint) as seconds_to_first_click,
    open_count,
    click_count,
    bounce_class,
    _log_version
from {{ ref('int_message_lifecycle') }}
{%- if is_incremental() %}
where _log_version > (select coalesce(max(_log_version), 0) from {{ this }})
    or message_id in (
        select message_id from {{ this }} where {{ calendar_has_moved('sent_date', 'cast(sent_at as date)') }}
    )
{%- endif %}

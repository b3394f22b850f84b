{{ config(secure=true) }}

with

source as (
    select * from {{ source('raw', 'email_events') }}
),

-- An event that the provider delivered again counts once; the last delivery wins.
current_versions as (
    {{ current_versions('source', 'email_events') }}
),

renamed as (
    select
        {{ select_list(masked(email_events_columns(), ['recipient', 'link_url', 'bounce_reason'])) }},
        {{ personal('payload') }} as payload,
        {{ new_columns('email_events', mapped=['event_id', 'received_at', 'payload']) -}}
        {{ to_utc('_extracted_at') }} as _extracted_at,
        _log_version
    from current_versions
)

select * from renamed

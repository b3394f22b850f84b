with

source as (
    select * from {{ source('raw', 'campaigns') }}
),

current_versions as (
    {{ current_versions('source', 'campaigns') }}
),

flagged as (
    {{ with_deletions('current_versions', 'campaigns') }}
),

renamed as (
    select
        {{ select_list(campaigns_columns()) }},
        payload,
        {{ new_columns('campaigns', mapped=['campaign_id', 'updated_at', 'payload']) -}}
        {{ to_utc('_extracted_at') }} as _extracted_at,
        _log_version
    from flagged
    where not is_gone
)

select * from renamed

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
        campaign_id,
        {{ json_text('payload', 'name') }} as campaign_name,
        {{ json_text('payload', 'subject') }} as subject,
        {{ json_text('payload', 'status') }} as campaign_status,
        {{ json_text('payload', 'from_address') }} as from_address,
        {{ json_text('payload', 'promoted_skus') }} as promoted_skus,
        {{ json_array_size('payload', 'promoted_skus') }} as promoted_sku_count,
        {{ exact_decimal(json_text('payload', 'budget'), 14, 2) }} as budget,
        {{ json_text('payload', 'currency') }} as currency,
        {{ text_to_utc(json_text('payload', 'scheduled_at')) }} as scheduled_at,
        {{ text_to_utc(json_text('payload', 'created_at')) }} as created_at,
        {{ to_utc('updated_at') }} as updated_at,
        payload,
        {{ new_columns('campaigns', mapped=['campaign_id', 'updated_at', 'payload']) -}}
        {{ to_utc('_extracted_at') }} as _extracted_at,
        _log_version
    from flagged
    where not is_gone
)

select * from renamed

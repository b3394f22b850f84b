{{ config(secure=true) }}

with

source as (
    select * from {{ source('raw', 'customers') }}
),

current_versions as (
    {{ current_versions('source', 'customers') }}
),

flagged as (
    {{ with_deletions('current_versions', 'customers') }}
),

renamed as (
    select
        {{ select_list(masked(customers_columns(), ['email', 'full_name'])) }},
        {{ new_columns('customers', mapped=[
            'customer_id', 'email', 'full_name', 'country', 'marketing_consent', 'signed_up_at', 'created_at',
            'updated_at'
        ]) -}}
        {{ to_utc('_extracted_at') }} as _extracted_at,
        _log_version
    from flagged
    where not is_gone
)

select * from renamed

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
        customer_id,
        {{ personal('email') }} as email,
        {{ personal('full_name') }} as full_name,
        country,
        marketing_consent,
        {{ to_utc('signed_up_at') }} as signed_up_at,
        {{ to_utc('created_at') }} as created_at,
        {{ to_utc('updated_at') }} as updated_at,
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

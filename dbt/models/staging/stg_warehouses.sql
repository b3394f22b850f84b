with

source as (
    {{ newest_snapshot('warehouses') }}
),

renamed as (
    select
        warehouse_id,
        code as warehouse_code,
        name as warehouse_name,
        city,
        country,
        opened_on,
        {{ to_utc('created_at') }} as created_at,
        {{ to_utc('updated_at') }} as updated_at,
        {{ new_columns('warehouses', mapped=[
            'warehouse_id', 'code', 'name', 'city', 'country', 'opened_on', 'created_at', 'updated_at'
        ]) -}}
        {{ to_utc('_extracted_at') }} as _extracted_at,
        _log_version
    from source
)

select * from renamed

with

source as (
    {{ newest_snapshot('warehouses') }}
),

renamed as (
    select
        {{ select_list(warehouses_columns()) }},
        {{ new_columns('warehouses', mapped=[
            'warehouse_id', 'code', 'name', 'city', 'country', 'opened_on', 'created_at', 'updated_at'
        ]) -}}
        {{ to_utc('_extracted_at') }} as _extracted_at,
        _log_version
    from source
)

select * from renamed

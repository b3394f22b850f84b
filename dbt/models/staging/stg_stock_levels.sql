with

source as (
    select * from {{ source('raw', 'stock_levels') }}
),

current_versions as (
    {{ current_versions('source', 'stock_levels') }}
),

flagged as (
    {{ with_deletions('current_versions', 'stock_levels') }}
),

renamed as (
    select
        warehouse_id,
        product_id,
        on_hand,
        reorder_point,
        {{ to_utc('created_at') }} as created_at,
        {{ to_utc('updated_at') }} as updated_at,
        {{ new_columns('stock_levels', mapped=[
            'warehouse_id', 'product_id', 'on_hand', 'reorder_point', 'created_at', 'updated_at'
        ]) -}}
        {{ to_utc('_extracted_at') }} as _extracted_at,
        _log_version
    from flagged
    where not is_gone
)

select * from renamed

with

source as (
    select * from {{ source('raw', 'stock_movements') }}
),

current_versions as (
    {{ current_versions('source', 'stock_movements') }}
),

renamed as (
    select
        {{ select_list(stock_movements_columns()) }},
        {{ new_columns('stock_movements', mapped=[
            'movement_id', 'warehouse_id', 'product_id', 'quantity', 'reason', 'order_id', 'moved_at',
            'created_at'
        ]) -}}
        {{ to_utc('_extracted_at') }} as _extracted_at,
        _log_version
    from current_versions
)

select * from renamed

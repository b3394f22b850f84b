with

source as (
    select * from {{ source('raw', 'order_items') }}
),

current_versions as (
    {{ current_versions('source', 'order_items') }}
),

flagged as (
    {{ with_deletions('current_versions', 'order_items') }}
),

renamed as (
    select
        {{ select_list(order_items_columns()) }},
        {{ new_columns('order_items', mapped=[
            'order_item_id', 'order_id', 'line_number', 'product_id', 'warehouse_id', 'quantity', 'unit_price',
            'discount_rate', 'line_total', 'created_at', 'updated_at'
        ]) -}}
        {{ to_utc('_extracted_at') }} as _extracted_at,
        _log_version
    from flagged
    where not is_gone
)

select * from renamed

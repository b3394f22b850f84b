with

source as (
    select * from {{ source('raw', 'orders') }}
),

current_versions as (
    {{ current_versions('source', 'orders') }}
),

flagged as (
    {{ with_deletions('current_versions', 'orders') }}
),

renamed as (
    select
        {{ select_list(orders_columns()) }},
        {{ new_columns('orders', mapped=[
            'order_id', 'customer_id', 'status', 'currency', 'total_amount', 'placed_at', 'created_at',
            'updated_at'
        ]) -}}
        {{ to_utc('_extracted_at') }} as _extracted_at,
        _log_version
    from flagged
    where not is_gone
)

select * from renamed

with

source as (
    select * from {{ source('raw', 'products') }}
),

current_versions as (
    {{ current_versions('source', 'products') }}
),

flagged as (
    {{ with_deletions('current_versions', 'products') }}
),

renamed as (
    select
        {{ select_list(products_columns()) }},
        {{ new_columns('products', mapped=[
            'product_id', 'sku', 'name', 'category', 'price', 'currency', 'attributes', 'is_active',
            'created_at', 'updated_at'
        ]) -}}
        {{ to_utc('_extracted_at') }} as _extracted_at,
        _log_version
    from flagged
    where not is_gone
)

select * from renamed

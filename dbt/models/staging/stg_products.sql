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
        product_id,
        sku,
        name as product_name,
        category,
        price as list_price,
        currency,
        {{ json_text('attributes', 'colour') }} as colour,
        {{ json_text('attributes', 'material') }} as material,
        {{ whole_number(json_text('attributes', 'weight_grams')) }} as weight_grams,
        attributes,
        is_active,
        {{ to_utc('created_at') }} as created_at,
        {{ to_utc('updated_at') }} as updated_at,
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

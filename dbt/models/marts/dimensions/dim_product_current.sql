select
    product_id,
    product_key,
    sku,
    product_name,
    category,
    list_price,
    currency,
    colour,
    material,
    weight_grams,
    is_active,
    is_deleted,
    is_inferred
from {{ ref('dim_product') }}
where is_current

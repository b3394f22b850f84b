with

-- Only arrays are counted; other text need not be JSON.
campaigns as (
    select
        campaign_key,
        case when promoted_sku_count is not null then promoted_skus end as promoted_skus
    from {{ ref('dim_campaign') }}
),

promoted as (
    {{ json_texts('campaigns', 'promoted_skus', ['campaign_key']) }}
),

-- The product that has the sku now. Of several that ever had it, an existing one is preferred.
products as (
    select sku, product_id
    from {{ ref('dim_product_current') }}
    where sku is not null
    qualify row_number() over (partition by sku order by case when is_deleted then 1 else 0 end, product_id desc) = 1
)

select distinct
    promoted.campaign_key,
    promoted.element as promoted_sku,
    products.product_id
from promoted
left join products on products.sku = promoted.element

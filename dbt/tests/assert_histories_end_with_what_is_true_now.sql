-- A history in MART ends with the row that staging has now, or with a deletion where its snapshot does.
select 'products' as stream, cast(present.product_id as varchar) as row_id
from {{ ref('stg_products') }} as present
left join {{ ref('dim_product') }} as versions
    on versions.product_id = present.product_id and versions.is_current
where versions.product_id is null
    or versions.is_deleted
    or versions.sku is distinct from present.sku
    or versions.list_price is distinct from {{ exact_numeric('present.list_price', 12, 2) }}

union all

select 'products', cast(snapped.product_id as varchar)
from {{ ref('snap_products') }} as snapped
left join {{ ref('dim_product') }} as versions
    on versions.product_id = snapped.product_id and versions.is_current
where snapped.dbt_valid_to is null and snapped.dbt_is_deleted = 'True' and not coalesce(versions.is_deleted, false)

union all

select 'campaigns', present.campaign_id
from {{ ref('stg_campaigns') }} as present
left join {{ ref('dim_campaign_history') }} as versions
    on versions.campaign_id = present.campaign_id and versions.is_current
where versions.campaign_id is null or versions.is_deleted or versions.updated_at is distinct from present.updated_at

union all

select 'campaigns', snapped.campaign_id
from {{ ref('snap_campaigns') }} as snapped
left join {{ ref('dim_campaign_history') }} as versions
    on versions.campaign_id = snapped.campaign_id and versions.is_current
where snapped.dbt_valid_to is null and snapped.dbt_is_deleted = 'True' and not coalesce(versions.is_deleted, false)

union all

select 'customers', cast(present.customer_id as varchar)
from {{ ref('stg_customers') }} as present
left join {{ ref('int_customer_versions') }} as versions
    on versions.customer_id = present.customer_id and versions.is_current
where versions.customer_id is null
    or versions.is_deleted
    or versions.marketing_consent is distinct from present.marketing_consent
    -- Hashed where it was read from staging: a test has no salt.
    or versions.email_hash is distinct from versions.email_hash_now

union all

select 'warehouses', cast(present.warehouse_id as varchar)
from {{ ref('stg_warehouses') }} as present
left join {{ ref('dim_warehouse_history') }} as versions
    on versions.warehouse_id = present.warehouse_id and versions.is_current
where versions.warehouse_id is null or versions.is_deleted or versions.warehouse_code is distinct from present.warehouse_code

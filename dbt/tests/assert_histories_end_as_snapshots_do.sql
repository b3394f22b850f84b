-- What a run has seen of a product or campaign last is what its history in MART, which is computed from RAW, ends with.
select 'products' as stream, cast(snapped.product_id as varchar) as row_id
from {{ ref('snap_products') }} as snapped
left join {{ ref('dim_product') }} as versions
    on versions.product_id = snapped.product_id and versions.is_current
where snapped.dbt_valid_to is null
    and (versions.product_id is null or versions.is_inferred or versions.is_deleted <> (snapped.dbt_is_deleted = 'True'))

union all

select 'campaigns', snapped.campaign_id
from {{ ref('snap_campaigns') }} as snapped
left join {{ ref('dim_campaign_history') }} as versions
    on versions.campaign_id = snapped.campaign_id and versions.is_current
where snapped.dbt_valid_to is null
    and (versions.campaign_id is null or versions.is_deleted <> (snapped.dbt_is_deleted = 'True'))

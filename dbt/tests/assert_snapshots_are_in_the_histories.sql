-- Each version that a snapshot saw is what MART's history, which has all versions in RAW, shows of the row at that time.
select 'products' as stream, cast(snapped.product_id as varchar) as row_id, snapped.dbt_valid_from
from {{ ref('snap_products') }} as snapped
left join {{ ref('dim_product') }} as versions
    on versions.product_id = snapped.product_id
    and {{ in_history('snapped.dbt_valid_from') }} >= versions.valid_from
    and {{ in_history('snapped.dbt_valid_from') }} < versions.valid_to
where (snapped.dbt_valid_to is null or {{ in_history('snapped.dbt_valid_to') }} > {{ in_history('snapped.dbt_valid_from') }})
    and (
        versions.sku is distinct from snapped.sku
        or versions.list_price is distinct from {{ exact_numeric('snapped.list_price', 12, 2) }}
        or versions.is_deleted is distinct from (snapped.dbt_is_deleted = 'True')
    )

union all

select 'campaigns', snapped.campaign_id, snapped.dbt_valid_from
from {{ ref('snap_campaigns') }} as snapped
left join {{ ref('dim_campaign_history') }} as versions
    on versions.campaign_id = snapped.campaign_id
    and {{ in_history('snapped.dbt_valid_from') }} >= versions.valid_from
    and {{ in_history('snapped.dbt_valid_from') }} < versions.valid_to
where (snapped.dbt_valid_to is null or {{ in_history('snapped.dbt_valid_to') }} > {{ in_history('snapped.dbt_valid_from') }})
    and (
        versions.updated_at is distinct from snapped.updated_at
        or versions.is_deleted is distinct from (snapped.dbt_is_deleted = 'True')
    )

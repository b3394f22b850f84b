-- The products whose price history may be looked at, those with the most price changes first.
with versions as (
    select
        product_id,
        list_price,
        lag(list_price) over (partition by product_id order by version_number) as price_before
    from dim_product
),

changes as (
    select product_id, sum(case when list_price <> price_before then 1 else 0 end) as price_changes
    from versions
    group by product_id
)

select
    products.product_id,
    coalesce(products.sku, cast(products.product_id as varchar)) as sku,
    products.product_name,
    changes.price_changes
from dim_product_current as products
inner join changes on changes.product_id = products.product_id
where :every_category = 1 or coalesce(products.category, 'unknown') in (:categories)
order by changes.price_changes desc, products.product_name, products.product_id
limit 2000

with lines as ({{ relation lines }}),

by_category as (
    select coalesce(products.category, 'unknown') as category, lines.*
    from lines
    inner join dim_product as products on products.product_key = lines.product_key
)

select
    category,
    {{ line_orders }} as line_orders,
    {{ units }} as units,
    {{ list_amount }} as list_amount,
    {{ gross_amount }} as gross_amount,
    {{ line_revenue }} as line_revenue,
    {{ discount_amount }} as discount_amount,
    {{ discount_share }} as discount_share,
    {{ price_realisation }} as price_realisation
from by_category
group by category
order by line_revenue desc, category
limit 50

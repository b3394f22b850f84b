-- Orders placed in the period, in one currency, under the filters. With a category chosen, revenue is that of its lines.
select
    orders.order_id,
    orders.order_date,
    orders.customer_key,
    orders.is_cancelled,
    orders.buyer_type,
    orders.attributed_campaign_key,
    case when :every_category = 1 then orders.revenue_incl_tax else chosen_lines.revenue_incl_tax end as revenue_incl_tax
from fct_orders as orders
left join (
    select lines.order_id, sum(lines.revenue_incl_tax) as revenue_incl_tax
    from fct_order_lines as lines
    inner join dim_product as products on products.product_key = lines.product_key
    where :every_category = 0
        and lines.order_date between :first_day and :last_day
        and coalesce(products.category, 'unknown') in (:categories)
    group by lines.order_id
) as chosen_lines on chosen_lines.order_id = orders.order_id
where orders.order_date between :first_day and :last_day
    and orders.currency = :currency
    and (
        :every_country = 1
        or orders.customer_key in (
            select customer_key from dim_customer where coalesce(country, 'unknown') in (:countries)
        )
    )
    and (:every_campaign = 1 or orders.attributed_campaign_key in (:campaigns))
    and (:every_category = 1 or chosen_lines.order_id is not null)

-- Lines of orders placed in the period that are not cancelled, in one currency, under the filters.
select
    lines.order_item_id,
    lines.order_date,
    lines.product_id,
    coalesce(products.category, 'unknown') as category,
    lines.quantity,
    lines.list_amount_incl_tax,
    lines.gross_amount_incl_tax,
    lines.discount_amount_incl_tax,
    lines.revenue_incl_tax
from fct_order_lines as lines
inner join dim_product as products on products.product_key = lines.product_key
left join dim_customer as customers on customers.customer_key = lines.customer_key
where lines.order_date between :first_day and :last_day
    and lines.currency = :currency
    and not lines.is_cancelled
    and (:every_country = 1 or coalesce(customers.country, 'unknown') in (:countries))
    and (:every_category = 1 or coalesce(products.category, 'unknown') in (:categories))
    and (
        :every_campaign = 1
        or lines.order_id in (select order_id from fct_orders where attributed_campaign_key in (:campaigns))
    )

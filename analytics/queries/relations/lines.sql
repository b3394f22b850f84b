-- Lines of orders placed in the period that are not cancelled, in one currency, under the filters. Filters ask dimensions
-- aside: a join of millions of rows is dear, and most queries need none.
select
    order_item_id,
    order_id,
    order_date,
    product_id,
    product_key,
    quantity,
    list_amount_incl_tax,
    gross_amount_incl_tax,
    discount_amount_incl_tax,
    revenue_incl_tax
from fct_order_lines
where order_date between :first_day and :last_day
    and currency = :currency
    and not is_cancelled
    and (
        :every_country = 1
        or customer_key in (select customer_key from dim_customer where coalesce(country, 'unknown') in (:countries))
    )
    and (
        :every_category = 1
        or product_key in (select product_key from dim_product where coalesce(category, 'unknown') in (:categories))
    )
    and (
        :every_campaign = 1
        or order_id in (select order_id from fct_orders where attributed_campaign_key in (:campaigns))
    )

-- A line is charged at the list price of its product at that time, with a discount from 0 to below 1, for one unit or more.
select lines.order_item_id, lines.unit_price_incl_tax, products.list_price, lines.discount_rate, lines.quantity
from {{ ref('int_order_lines_enriched') }} as lines
left join {{ ref('dim_product') }} as products
    on products.product_id = lines.product_id
    and {{ in_history('lines.recorded_at') }} >= products.valid_from
    and {{ in_history('lines.recorded_at') }} < products.valid_to
where lines.unit_price_incl_tax <> products.list_price
    or lines.discount_rate < 0
    or lines.discount_rate >= 1
    or lines.quantity < 1

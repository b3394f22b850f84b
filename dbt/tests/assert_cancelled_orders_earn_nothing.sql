-- Revenue is what orders cost that are not cancelled, by order and by line.
select order_id as row_id, 'order' as grain
from {{ ref('fct_orders') }}
where revenue_incl_tax is distinct from
    case when order_status = 'cancelled' then cast(0 as numeric(14, 2)) else order_total_incl_tax end

union all

select order_item_id, 'line'
from {{ ref('fct_order_lines') }}
where revenue_incl_tax is distinct from
    case when order_status = 'cancelled' then cast(0 as numeric(14, 2)) else line_total_incl_tax end

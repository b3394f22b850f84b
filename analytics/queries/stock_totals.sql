with stock as (
    select * from ({{ relation stock }}) as period where inventory_date >= :closing_from
),

closing as (
    select * from stock where inventory_date = (select max(inventory_date) from stock)
)

select
    max(inventory_date) as inventory_date,
    {{ closing_quantity }} as closing_quantity,
    {{ stock_value }} as stock_value,
    {{ stock_outs }} as stock_outs,
    {{ below_reorder_point }} as below_reorder_point,
    {{ stock_places }} as stock_places
from closing

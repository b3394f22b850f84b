with lines as ({{ relation lines }})

select
    {{ units }} as units,
    {{ line_revenue }} as line_revenue,
    {{ list_amount }} as list_amount,
    {{ gross_amount }} as gross_amount,
    {{ discount_amount }} as discount_amount,
    {{ discount_share }} as discount_share,
    {{ price_realisation }} as price_realisation
from lines

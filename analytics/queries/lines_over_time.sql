with lines as ({{ relation lines }}),

days as ({{ relation calendar }}),

drawn as (
    select days.drawn_on, lines.*
    from days
    left join lines on lines.order_date = days.calendar_date
)

select drawn_on, {{ discount_share }} as discount_share, {{ price_realisation }} as price_realisation
from drawn
group by drawn_on
order by drawn_on

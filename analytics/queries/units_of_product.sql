with lines as ({{ relation lines }}),

days as ({{ relation calendar }}),

drawn as (
    select days.drawn_on, lines.quantity, lines.gross_amount_incl_tax
    from days
    left join lines on lines.order_date = days.calendar_date and lines.product_id = :product_id
)

select
    drawn_on,
    coalesce({{ units }}, 0) as units,
    cast({{ gross_amount }} as double) / nullif({{ units }}, 0) as charged_price
from drawn
group by drawn_on
order by drawn_on

with messages as ({{ relation messages }}),

days as ({{ relation calendar }}),

drawn as (
    select days.drawn_on, messages.*
    from messages
    inner join days on days.calendar_date = messages.sent_date
)

select
    drawn_on,
    {{ sent }} as sent,
    {{ delivered }} as delivered,
    {{ opened }} as opened,
    {{ clicked }} as clicked,
    {{ unsubscribed }} as unsubscribed,
    {{ delivery_rate }} as delivery_rate,
    {{ open_rate }} as open_rate,
    {{ click_rate }} as click_rate,
    {{ hard_bounce_rate }} as hard_bounce_rate,
    {{ soft_bounce_rate }} as soft_bounce_rate,
    {{ complaint_rate }} as complaint_rate,
    {{ unsubscribe_rate }} as unsubscribe_rate
from drawn
group by drawn_on
order by drawn_on

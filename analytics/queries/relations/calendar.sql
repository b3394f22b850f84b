-- The days of the period, each with the day by which it is drawn: itself, its week's Monday, its month's first.
select
    calendar_date,
    case
        when :grain = 'month' then month_start
        when :grain = 'week' then calendar_date - cast(iso_day_of_week - 1 as integer)
        else calendar_date
    end as drawn_on
from dim_date
where calendar_date between :first_day and :last_day

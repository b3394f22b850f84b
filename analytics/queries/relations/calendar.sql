-- The days of the period, each with the day by which it is drawn: itself, its week's Monday, its month's first.
select calendar_date, calendar_date as drawn_on
from dim_date
where :grain = 'day' and calendar_date between :first_day and :last_day
union all
select calendar_date, iso_week_start as drawn_on
from dim_date
where :grain = 'week' and calendar_date between :first_day and :last_day
union all
select calendar_date, month_start as drawn_on
from dim_date
where :grain = 'month' and calendar_date between :first_day and :last_day

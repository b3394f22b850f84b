-- The run's day, in the shop's calendar. Two members of the calendar are no days.
select max(calendar_date) as last_day
from dim_date
where out_of_range is null

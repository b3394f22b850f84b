with

bounds as (
    select {{ first_day() }} as first_date, {{ business_day() }} as last_date
),

days as (
    {{ days_between('bounds', 'first_date', 'last_date') }}
)

select
    calendar_date,
    cast(null as varchar) as out_of_range,
    cast(extract(year from calendar_date) as bigint) as year_number,
    cast(extract(quarter from calendar_date) as bigint) as quarter_of_year,
    cast(extract(month from calendar_date) as bigint) as month_of_year,
    cast(date_trunc('month', calendar_date) as date) as month_start,
    cast({{ iso_week('calendar_date') }} as bigint) as iso_week_of_year,
    cast(extract(day from calendar_date) as bigint) as day_of_month,
    cast({{ iso_day_of_week('calendar_date') }} as bigint) as iso_day_of_week,
    {{ iso_day_of_week('calendar_date') }} >= 6 as is_weekend
from days

union all

select {{ day_before_calendar() }}, 'out of range: before the calendar', null, null, null, null, null, null, null, null

union all

select {{ day_after_calendar() }}, 'out of range: after the run''s day', null, null, null, null, null, null, null, null

with

bounds as (
    select {{ first_day() }} as first_date, greatest({{ business_day() }}, {{ local_business_day() }}) as last_date
),

days as (
    {{ days_between('bounds', 'first_date', 'last_date') }}
),

weeks as (
    select
        calendar_date,
        {{ iso_day_of_week('calendar_date') }} as iso_day_of_week,
        cast({{ dbt.dateadd('day', '1 - ' ~ iso_day_of_week('calendar_date'), 'calendar_date') }} as date) as iso_week_start
    from days
),

holidays as (
    select
        holiday_date,
        {%- set countries = holiday_rules() | map('first') | unique | sort %}
        replace(trim(
            {%- for country in countries %}
            max(case when country = '{{ country }}' then '{{ country }} ' else '' end){{ ' ||' if not loop.last }}
            {%- endfor %}
        ), ' ', ',') as countries
    from {{ ref('dim_holiday') }}
    group by holiday_date
)

select
    weeks.calendar_date,
    cast(null as varchar) as out_of_range,
    cast(extract(year from calendar_date) as bigint) as year_number,
    cast(extract(quarter from calendar_date) as bigint) as quarter_of_year,
    cast(extract(month from calendar_date) as bigint) as month_of_year,
    {{ named('extract(month from calendar_date)', [
        'January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November',
        'December'
    ]) }} as month_name,
    cast(date_trunc('month', weeks.calendar_date) as date) as month_start,
    -- A week belongs to the year of its Thursday.
    cast(extract(year from {{ dbt.dateadd('day', 3, 'weeks.iso_week_start') }}) as bigint) as iso_year,
    cast({{ iso_week('weeks.calendar_date') }} as bigint) as iso_week_of_year,
    weeks.iso_week_start,
    cast(extract(day from calendar_date) as bigint) as day_of_month,
    cast(weeks.iso_day_of_week as bigint) as iso_day_of_week,
    {{ named('weeks.iso_day_of_week', [
        'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'
    ]) }} as day_name,
    weeks.iso_day_of_week >= 6 as is_weekend,
    holidays.countries as holiday_countries
from weeks
left join holidays on holidays.holiday_date = weeks.calendar_date

{% for day, word in [
    (day_before_calendar(), 'out of range: before the calendar'),
    (day_after_calendar(), "out of range: after the run''s day"),
    (unknown_day(), 'unknown'),
] %}
union all

select {{ day }}, '{{ word }}', null, null, null, null, null, null, null, null, null, null, null, null, null
{% endfor %}

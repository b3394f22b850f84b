with

rules as (
    select *
    from (
        values
        {%- for country, name, first_year, last_year, month, day, days_after_easter in holiday_rules() %}
        (
            '{{ country }}', '{{ name | replace("'", "''") }}', {{ first_year }}, {{ last_year }},
            {{ "'-%02d-%02d'" % (month, day) if month else 'null' }}, {{ 'null' if days_after_easter is none else days_after_easter }}
        ){{ ',' if not loop.last }}
        {%- endfor %}
    ) as rule (country, holiday_name, first_year, last_year, month_and_day, days_after_easter)
),

years as (
    select *
    from (
        values
        {%- for year in range(1990, 2050) %}
        ({{ year }}, {{ easter_sunday(year) }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as year_of_easter (year_number, easter_sunday)
),

holidays as (
    select
        case
            when rules.days_after_easter is null
                then cast(cast(years.year_number as varchar) || rules.month_and_day as date)
            else cast({{ dbt.dateadd('day', 'rules.days_after_easter', 'years.easter_sunday') }} as date)
        end as holiday_date,
        rules.country,
        rules.holiday_name
    from rules
    inner join years on years.year_number between rules.first_year and rules.last_year
)

-- Two holidays may fall on one day.
select
    holidays.holiday_date,
    holidays.country,
    case
        when min(holidays.holiday_name) = max(holidays.holiday_name) then min(holidays.holiday_name)
        else min(holidays.holiday_name) || '; ' || max(holidays.holiday_name)
    end as holiday_name
from holidays
where holidays.holiday_date >= {{ first_day() }}
    and holidays.holiday_date <= greatest({{ business_day() }}, {{ local_business_day() }})
group by holidays.holiday_date, holidays.country

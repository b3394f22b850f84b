with

dated as (
    select min(placed_at) as first_at, max(placed_at) as last_at from {{ ref('int_orders') }}
    union all
    select min(moved_at), max(moved_at) from {{ ref('int_stock_ledger') }}
    union all
    select min(occurred_at), max(occurred_at) from {{ ref('int_email_events') }}
),

-- Whole years, so that a chart by month or year has no ragged end.
span as (
    select
        cast(date_trunc('year', min(first_at)) as date) as first_day,
        cast({{ dbt.dateadd('day', -1, dbt.dateadd('year', 1, "date_trunc('year', max(last_at))")) }} as date) as last_day
    from dated
),

days as (
    {{ days_between('span', 'first_day', 'last_day') }}
)

select
    calendar_date,
    cast(extract(year from calendar_date) as bigint) as year_number,
    cast(extract(quarter from calendar_date) as bigint) as quarter_of_year,
    cast(extract(month from calendar_date) as bigint) as month_of_year,
    cast(date_trunc('month', calendar_date) as date) as month_start,
    cast({{ iso_week('calendar_date') }} as bigint) as iso_week_of_year,
    cast(extract(day from calendar_date) as bigint) as day_of_month,
    cast({{ iso_day_of_week('calendar_date') }} as bigint) as iso_day_of_week,
    {{ iso_day_of_week('calendar_date') }} >= 6 as is_weekend
from days

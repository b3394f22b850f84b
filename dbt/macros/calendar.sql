{#- The calendar: the days from the var `first_day` to the run's day, both included. Calendars and periodic snapshots
    have no other days, so that one mistyped year cannot fill them. A fact with another date keeps its time. Its date is
    one of three members of dim_date that are no days: before the calendar, after it, or unknown. -#}

{% macro first_day() -%}
    {%- set day = var('first_day') | string -%}
    {%- if not modules.re.fullmatch('\d{4}-\d{2}-\d{2}', day) or day <= '1900-01-02' -%}
        {{ exceptions.raise_compiler_error(
            "The var first_day is '" ~ day ~ "': it must be a day after 1900-01-02, such as 2000-01-01."
        ) }}
    {%- endif -%}
    {{ return("cast('" ~ day ~ "' as date)") }}
{%- endmacro %}

{#- The members of dim_date for dates before the first day, and after the run's day. -#}
{% macro day_before_calendar() -%}
    {{ return("cast('1900-01-01' as date)") }}
{%- endmacro %}

{% macro day_after_calendar() -%}
    {{ return("cast('9999-12-31' as date)") }}
{%- endmacro %}

{#- The member of dim_date for a missing date. -#}
{% macro unknown_day() -%}
    {{ return("cast('1900-01-02' as date)") }}
{%- endmacro %}

{#- The row of dim_date that a day belongs to; null for null. The calendar ends with the run's day, or with `last_day`.
    -#}
{% macro calendar_day(day, last_day=none) -%}
    {{ return(
        "case when " ~ day ~ " < " ~ first_day() ~ " then " ~ day_before_calendar()
        ~ " when " ~ day ~ " > " ~ (last_day or business_day()) ~ " then " ~ day_after_calendar() ~ " else " ~ day ~ " end"
    ) }}
{%- endmacro %}

{#- The calendar_day() of a day, and the unknown day for null. -#}
{% macro calendar_member(day) -%}
    {{ return("coalesce(" ~ calendar_day(day) ~ ", " ~ unknown_day() ~ ")") }}
{%- endmacro %}

{#- The row of dim_date for the shop's local day of a UTC timestamp; the unknown day for null. The local calendar ends
    with the shop's day. -#}
{% macro local_calendar_member(timestamp) -%}
    {{ return("coalesce(" ~ calendar_day(local_date(timestamp), local_business_day()) ~ ", " ~ unknown_day() ~ ")") }}
{%- endmacro %}

{#- The shop's local day of a UTC timestamp. A time outside of the histories counts as their first or last second,
    because not every engine has a local clock for it. -#}
{% macro local_date(timestamp) -%}
    {#- DuckDB's least() and greatest() ignore nulls. -#}
    {{ return(
        "case when " ~ timestamp ~ " is not null then cast("
        ~ at_time_zone(in_history(timestamp), shop_time_zone()) ~ " as date) end"
    ) }}
{%- endmacro %}

{#- Whether a row's date differs from the calendar_day() of `day`, because the run's day has moved. Incremental facts
    write such rows again. Only rows at the calendar's ends are checked. -#}
{% macro calendar_has_moved(date_column, day, last_day=none) -%}
    {{ return(
        "((" ~ date_column ~ " < " ~ first_day() ~ " or " ~ date_column ~ " > " ~ (last_day or business_day()) ~ ")"
        ~ " and " ~ date_column ~ " <> " ~ calendar_day(day, last_day) ~ ")"
    ) }}
{%- endmacro %}

{#- The same check for a local_calendar_member(). -#}
{% macro local_calendar_has_moved(date_column, timestamp) -%}
    {{ return(calendar_has_moved(date_column, local_date(timestamp), local_business_day())) }}
{%- endmacro %}

{#- Easter Sunday of a year, by the anonymous Gregorian computus. -#}
{% macro easter_sunday(year) -%}
    {%- set century, in_century, golden = year // 100, year % 100, year % 19 -%}
    {%- set moon = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30 -%}
    {%- set weekday = (32 + 2 * (century % 4) + 2 * (in_century // 4) - moon - in_century % 4) % 7 -%}
    {%- set shift = moon + weekday - 7 * ((golden + 11 * moon + 22 * weekday) // 451) + 114 -%}
    {{ return("cast('%04d-%02d-%02d' as date)" % (year, shift // 31, shift % 31 + 1)) }}
{%- endmacro %}

{#- The text at the position of a number, from 1; null for null. -#}
{% macro named(number, names) -%}
    {%- set cases = [] -%}
    {%- for name in names -%}
        {%- do cases.append("when " ~ loop.index ~ " then '" ~ name ~ "'") -%}
    {%- endfor -%}
    {{ return("case " ~ number ~ " " ~ cases | join(" ") ~ " end") }}
{%- endmacro %}

{#- The day from which a movement counts in a balance: its own day, or the calendar's first day if it is older. -#}
{% macro counted_on(day) -%}
    {{ return("greatest(" ~ day ~ ", " ~ first_day() ~ ")") }}
{%- endmacro %}

{#- After the merge of fct_inventory_daily: deletes days outside its span, because the run's day went back, and days before
    a pair's first movement, because a movement has changed its pair or its time. -#}
{% macro delete_days_out_of_span() -%}
    {%- if is_incremental() -%}
    delete from {{ this }}
    where inventory_date < {{ first_day() }} or inventory_date > {{ business_day() }} or _movement_count = 0
    {%- endif -%}
{%- endmacro %}

{#- Whether a UTC timestamp is at most `days` days after another. It compares the difference, because a time in the last
    days of the year 9999 has no time a week later. -#}
{% macro at_most_days_apart(earlier, later, days) -%}
    {{ return(epoch_microseconds(later) ~ " - " ~ epoch_microseconds(earlier) ~ " <= " ~ (days | int * 86400000000)) }}
{%- endmacro %}

{#- The time `days` days before another; the first time of year 1 if that lies before the histories. -#}
{% macro days_before(timestamp, days) -%}
    {{ return(
        "case when " ~ timestamp ~ " < " ~ utc_timestamp('1901-01-01 00:00:00') ~ " then " ~ utc_timestamp('0001-01-01 00:00:00')
        ~ " else " ~ dbt.dateadd('day', -(days | int), timestamp) ~ " end"
    ) }}
{%- endmacro %}

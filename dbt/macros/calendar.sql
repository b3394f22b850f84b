{#- The calendar: the days from the var `first_day` to the run's day, both included. Calendars and periodic snapshots have no
    other days, so that one mistyped year cannot fill them. A fact that is dated elsewhere keeps its time, and its date
    is one of two members of dim_date: before or after the calendar. -#}

{% macro first_day() -%}
    {%- set day = var('first_day') | string -%}
    {%- if not modules.re.fullmatch('\d{4}-\d{2}-\d{2}', day) or day <= '1900-01-01' -%}
        {{ exceptions.raise_compiler_error(
            "The var first_day is '" ~ day ~ "': it must be a day after 1900-01-01, such as 2000-01-01."
        ) }}
    {%- endif -%}
    {{ return("cast('" ~ day ~ "' as date)") }}
{%- endmacro %}

{#- The members of dim_date for what is dated before the first day, and after the run's. -#}
{% macro day_before_calendar() -%}
    {{ return("cast('1900-01-01' as date)") }}
{%- endmacro %}

{% macro day_after_calendar() -%}
    {{ return("cast('9999-12-31' as date)") }}
{%- endmacro %}

{#- The row of dim_date that a day belongs to; null for null. -#}
{% macro calendar_day(day) -%}
    {{ return(
        "case when " ~ day ~ " < " ~ first_day() ~ " then " ~ day_before_calendar()
        ~ " when " ~ day ~ " > " ~ business_day() ~ " then " ~ day_after_calendar() ~ " else " ~ day ~ " end"
    ) }}
{%- endmacro %}

{#- Whether a row's date is no longer the calendar_day() of `day`, since the run's day has moved: what incremental facts
    write again. Only rows at the calendar's ends are looked at. -#}
{% macro calendar_has_moved(date_column, day) -%}
    {{ return(
        "(" ~ date_column ~ " < " ~ first_day() ~ " or " ~ date_column ~ " > " ~ business_day() ~ ")"
        ~ " and " ~ date_column ~ " <> " ~ calendar_day(day)
    ) }}
{%- endmacro %}

{#- The day from which a movement counts in a balance: its own, or the first of the calendar where it is older. -#}
{% macro counted_on(day) -%}
    {{ return("greatest(" ~ day ~ ", " ~ first_day() ~ ")") }}
{%- endmacro %}

{#- After the merge of fct_inventory_daily: days that are no longer in its span, since the run's day went back. -#}
{% macro delete_days_out_of_span() -%}
    {%- if is_incremental() -%}
    delete from {{ this }}
    where inventory_date < {{ first_day() }}
        or inventory_date > (
            select coalesce(max({{ counted_on('moved_on') }}), {{ day_before_calendar() }})
            from {{ ref('int_stock_ledger') }}
            where {{ counted_on('moved_on') }} <= {{ business_day() }}
        )
    {%- endif -%}
{%- endmacro %}

{#- Whether a UTC timestamp is at most `days` days after another. By their difference, since a time in the last days of the
    year 9999 has none a week later. -#}
{% macro at_most_days_apart(earlier, later, days) -%}
    {{ return(epoch_microseconds(later) ~ " - " ~ epoch_microseconds(earlier) ~ " <= " ~ (days | int * 86400000000)) }}
{%- endmacro %}

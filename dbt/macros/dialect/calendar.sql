{#- One row per day, both ends included, in the column `calendar_date`. `first` and `last` are date columns of
    `relation`, which has one row; null ends give no day. -#}
{% macro days_between(relation, first, last) -%}
    {{ return(adapter.dispatch('days_between')(relation, first, last)) }}
{%- endmacro %}

{% macro duckdb__days_between(relation, first, last) -%}
    select cast(unnest(generate_series({{ first }}, {{ last }}, interval '1 day')) as date) as calendar_date
    from {{ relation }}
{%- endmacro %}

{#- generator() takes a constant only: 200 years. seq4() may have gaps, hence row_number(). -#}
{% macro snowflake__days_between(relation, first, last) -%}
    select dateadd('day', numbers.n, bounds.{{ first }}) as calendar_date
    from {{ relation }} as bounds
    cross join (
        select row_number() over (order by seq4()) - 1 as n from table(generator(rowcount => 73050))
    ) as numbers
    where dateadd('day', numbers.n, bounds.{{ first }}) <= bounds.{{ last }}
{%- endmacro %}


{#- ISO 8601 day of the week, Monday = 1. -#}
{% macro iso_day_of_week(day) -%}
    {{ return(adapter.dispatch('iso_day_of_week')(day)) }}
{%- endmacro %}

{% macro duckdb__iso_day_of_week(day) -%}
    {{ return("isodow(" ~ day ~ ")") }}
{%- endmacro %}

{% macro snowflake__iso_day_of_week(day) -%}
    {{ return("dayofweekiso(" ~ day ~ ")") }}
{%- endmacro %}


{#- ISO 8601 week of the year, 1 to 53. -#}
{% macro iso_week(day) -%}
    {{ return(adapter.dispatch('iso_week')(day)) }}
{%- endmacro %}

{% macro duckdb__iso_week(day) -%}
    {{ return("weekofyear(" ~ day ~ ")") }}
{%- endmacro %}

{% macro snowflake__iso_week(day) -%}
    {{ return("weekiso(" ~ day ~ ")") }}
{%- endmacro %}

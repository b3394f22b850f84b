{#- One row per day, both ends included, in the column `calendar_date`. `first` and `last` are date columns of
    `relation`, which has one row; null ends give no day. -#}
{% macro days_between(relation, first, last) -%}
    {{ return(adapter.dispatch('days_between')(relation, first, last)) }}
{%- endmacro %}

{% macro duckdb__days_between(relation, first, last) -%}
    select cast(unnest(generate_series({{ first }}, {{ last }}, interval '1 day')) as date) as calendar_date
    from {{ relation }}
{%- endmacro %}

{#- Five decimal digits are enough for 273 years. -#}
{% macro snowflake__days_between(relation, first, last) -%}
    with digits as (
        select n from (values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) as digit (n)
    ),

    numbers as (
        select d0.n + 10 * d1.n + 100 * d2.n + 1000 * d3.n + 10000 * d4.n as n
        from digits as d0
        cross join digits as d1
        cross join digits as d2
        cross join digits as d3
        cross join digits as d4
    )

    select bounds.{{ first }} + numbers.n as calendar_date
    from {{ relation }} as bounds
    inner join numbers on bounds.{{ first }} + numbers.n <= bounds.{{ last }}
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

{#- The earlier of two times, either of which may be null. DuckDB's least() ignores nulls, Snowflake's does not. -#}
{% macro earlier_of(one, other) -%}
    {{ return("coalesce(least(" ~ one ~ ", " ~ other ~ "), " ~ one ~ ", " ~ other ~ ")") }}
{%- endmacro %}

{#- Seconds as hours with four decimals. No number of seconds lies half way between two of them, so both warehouses
    round alike. -#}
{% macro hours(seconds) -%}
    {{ return("cast(cast(" ~ seconds ~ " as numeric(20, 0)) / 3600 as numeric(18, 4))") }}
{%- endmacro %}

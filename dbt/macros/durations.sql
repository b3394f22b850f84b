{#- The earlier of two times, of which one or both may be null: least() ignores nulls in DuckDB, and in Snowflake does not. -#}
{% macro earlier_of(one, other) -%}
    {{ return("coalesce(least(" ~ one ~ ", " ~ other ~ "), " ~ one ~ ", " ~ other ~ ")") }}
{%- endmacro %}

{#- Seconds as hours with four digits after the point, of which no number of seconds is half way between two: so that both
    warehouses round alike. -#}
{% macro hours(seconds) -%}
    {{ return("cast(cast(" ~ seconds ~ " as numeric(20, 0)) / 3600 as numeric(18, 4))") }}
{%- endmacro %}

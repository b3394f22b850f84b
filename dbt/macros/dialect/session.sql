{#- A text that the session keeps: the statement that sets it, and the expression that reads it. -#}
{% macro duckdb__set_session_text(name, value) -%}
    {{ return("set variable " ~ name ~ " = '" ~ value ~ "'") }}
{%- endmacro %}

{% macro snowflake__set_session_text(name, value) -%}
    {{ return("set " ~ name ~ " = '" ~ value ~ "'") }}
{%- endmacro %}

{% macro duckdb__session_text(name) -%}
    {{ return("getvariable('" ~ name ~ "')") }}
{%- endmacro %}

{#- By function, since a view, such as dbt's temporary ones, may not hold a `$variable`. -#}
{% macro snowflake__session_text(name) -%}
    {{ return("getvariable('" ~ name | upper ~ "')") }}
{%- endmacro %}

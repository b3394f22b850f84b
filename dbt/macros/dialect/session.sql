{#- A text stored in the session: the statement that sets it, and the expression that reads it. -#}
{% macro duckdb__set_session_text(name, value) -%}
    {{ return("set variable " ~ name ~ " = '" ~ value ~ "'") }}
{%- endmacro %}

{% macro snowflake__set_session_text(name, value) -%}
    {{ return("set " ~ name ~ " = '" ~ value ~ "'") }}
{%- endmacro %}

{% macro duckdb__session_text(name) -%}
    {{ return("getvariable('" ~ name ~ "')") }}
{%- endmacro %}

{#- Read by a function, because a view, such as dbt's temporary ones, must not hold a `$variable`. -#}
{% macro snowflake__session_text(name) -%}
    {{ return("getvariable('" ~ name | upper ~ "')") }}
{%- endmacro %}

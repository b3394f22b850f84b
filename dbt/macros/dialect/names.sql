{#- An identifier of ours as the warehouse keeps it where nobody quotes it, for use between quotes. -#}
{% macro stored_name(name) -%}
    {{ return(adapter.dispatch('stored_name')(name)) }}
{%- endmacro %}

{% macro duckdb__stored_name(name) -%}
    {{ return(name) }}
{%- endmacro %}

{% macro snowflake__stored_name(name) -%}
    {{ return(name | upper) }}
{%- endmacro %}

{#- SHA-256 of a text expression, as 64 lower-case hexadecimal digits. -#}
{% macro sha256_hex(text) -%}
    {{ return(adapter.dispatch('sha256_hex')(text)) }}
{%- endmacro %}

{% macro duckdb__sha256_hex(text) -%}
    {{ return("sha256(" ~ text ~ ")") }}
{%- endmacro %}

{% macro snowflake__sha256_hex(text) -%}
    {{ return("sha2(" ~ text ~ ", 256)") }}
{%- endmacro %}


{#- The surrogate key of a dimension's row: md5 of its identifying columns. Give it integers, booleans as 0 or 1, and
    text; a timestamp does not print alike in both warehouses. -#}
{% macro surrogate_key(columns) -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- do parts.append("cast(" ~ column ~ " as varchar)") -%}
    {%- endfor -%}
    {{ return("md5(" ~ parts | join(" || '|' || ") ~ ")") }}
{%- endmacro %}

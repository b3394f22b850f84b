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


{#- The surrogate key of a dimension's row: md5 of the dimension's name and the columns that identify the row. These are
    its business key and, for a version, the start of its validity. So a row that is landed again keeps its key, and no
    two dimensions share one. A text column comes last, so that its content cannot be mistaken for another column. -#}
{% macro surrogate_key(dimension, columns) -%}
    {{ return(md5_of(["'" ~ dimension ~ "'"] + columns)) }}
{%- endmacro %}


{#- md5 of expressions. Pass integers, booleans as 0 or 1, and text. A timestamp does not print alike in both
    warehouses; use epoch_microseconds() for it. -#}
{% macro md5_of(columns) -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- do parts.append("cast(" ~ column ~ " as varchar)") -%}
    {%- endfor -%}
    {{ return("md5(" ~ parts | join(" || '|' || ") ~ ")") }}
{%- endmacro %}

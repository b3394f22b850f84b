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


{#- The surrogate key of a dimension's row: md5 of the dimension's name and the columns that identify the row, which are
    its business key and, for a version, the time from which it holds. So a row that is landed anew has the key that it had,
    and no two dimensions share one. A text column stands last: what is in it cannot be taken for another column. -#}
{% macro surrogate_key(dimension, columns) -%}
    {{ return(md5_of(["'" ~ dimension ~ "'"] + columns)) }}
{%- endmacro %}


{#- md5 of expressions. Give it integers, booleans as 0 or 1, and text; a timestamp does not print alike in both
    warehouses: epoch_microseconds() does. -#}
{% macro md5_of(columns) -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- do parts.append("cast(" ~ column ~ " as varchar)") -%}
    {%- endfor -%}
    {{ return("md5(" ~ parts | join(" || '|' || ") ~ ")") }}
{%- endmacro %}

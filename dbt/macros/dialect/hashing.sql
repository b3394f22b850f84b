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


{#- dbt_scd_id of a snapshot's row, md5 of its key and its updated_at, alike in both warehouses. dbt's own casts the time
    to text: Snowflake prints it as the session says, by default to the millisecond, so that of two versions within one
    the second would be taken for the first and be lost. -#}
{% macro duckdb__snapshot_hash_arguments(args) -%}
    {{ return(snapshot_hash(args)) }}
{%- endmacro %}

{% macro snowflake__snapshot_hash_arguments(args) -%}
    {{ return(snapshot_hash(args)) }}
{%- endmacro %}

{% macro snapshot_hash(args) -%}
    {%- set parts = [] -%}
    {%- set key = config.get('unique_key') -%}
    {%- set key = [key] if key is string else key -%}
    {%- for arg in args -%}
        {%- set is_text = arg == 'dbt_scd_id' or arg in key -%}
        {%- set value = arg if is_text else epoch_microseconds(arg) -%}
        {%- do parts.append("coalesce(cast(" ~ value ~ " as varchar), '')") -%}
    {%- endfor -%}
    {{ return("md5(" ~ parts | join(" || '|' || ") ~ ")") }}
{%- endmacro %}

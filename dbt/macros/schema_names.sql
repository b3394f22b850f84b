{#- The schema names unchanged (STAGING, MART, ...), without dbt's prefix of the target's schema. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}

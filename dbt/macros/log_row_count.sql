{#- Logs how many rows a built relation has; DuckDB's own answer to dbt does not say.
    Views are left out: counting one is running it. -#}
{% macro log_row_count() -%}
    {%- if execute and config.get('materialized') != 'view' -%}
        {%- do log('row_count=' ~ run_query('select count(*) from ' ~ this).rows[0][0]) -%}
    {%- endif -%}
{%- endmacro %}

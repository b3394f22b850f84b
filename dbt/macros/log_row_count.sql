{#- Logs how many rows a built relation has; DuckDB's own answer to dbt does not say, and Snowflake's where all rows are replaced.
    Views are left out: counting one is running it. dbt runs the project's hooks before a model's: a model whose own delete rows says so by
    `meta: {counted_last: true}`, and has this one as its last. -#}
{% macro log_row_count(last=false) -%}
    {%- if execute and config.get('materialized') != 'view' and not keeps_its_table() and (last or not config.get('meta', {}).get('counted_last')) -%}
        {%- do log('row_count=' ~ run_query('select count(*) from ' ~ this).rows[0][0]) -%}
    {%- endif -%}
{%- endmacro %}

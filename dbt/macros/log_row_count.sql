{#- Logs the number of rows of a built relation. DuckDB does not report it to dbt, and neither does Snowflake if all
    rows are replaced. Views are left out, because counting a view means running it. dbt runs the project's hooks before
    a model's. So a model whose own hook deletes rows says so by `meta: {counted_last: true}`, and has this hook as its
    last. -#}
{% macro log_row_count(last=false) -%}
    {%- if execute and config.get('materialized') != 'view' and not keeps_its_table() and (last or not config.get('meta', {}).get('counted_last')) -%}
        {%- do log('row_count=' ~ run_query('select count(*) from ' ~ this).rows[0][0]) -%}
    {%- endif -%}
{%- endmacro %}

{#- After a large fact was built anew with `cluster_facts`: makes Snowflake keep it sorted by the columns that readers
    filter by, so that they skip most of it. A clustering key turns on automatic clustering, which is serverless and
    billed in addition to all warehouses (docs/COST.md), so it is off until a fact is large. Rows arrive nearly in that
    order anyway. dbt's own config would also sort the whole table when it is built. -#}
{% macro cluster_by(columns) -%}
    {{ return(adapter.dispatch('cluster_by')(columns)) }}
{%- endmacro %}

{#- DuckDB skips blocks by the order in which rows were written. -#}
{% macro duckdb__cluster_by(columns) -%}
{%- endmacro %}

{% macro snowflake__cluster_by(columns) -%}
    {%- if var('cluster_facts') and not is_incremental() -%}
    alter table {{ this }} cluster by ({{ columns }})
    {%- endif -%}
{%- endmacro %}

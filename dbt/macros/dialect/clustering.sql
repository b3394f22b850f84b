{#- After a large fact was built anew: Snowflake keeps it in the order of what readers filter by, so that they skip most of
    it. Rows arrive nearly in that order, so there is little to move, and nothing while the table is small. dbt's own
    config would also sort the whole table when it is built. -#}
{% macro cluster_by(columns) -%}
    {{ return(adapter.dispatch('cluster_by')(columns)) }}
{%- endmacro %}

{#- DuckDB skips by the order in which rows were written. -#}
{% macro duckdb__cluster_by(columns) -%}
{%- endmacro %}

{% macro snowflake__cluster_by(columns) -%}
    {%- if not is_incremental() -%}
    alter table {{ this }} cluster by ({{ columns }})
    {%- endif -%}
{%- endmacro %}

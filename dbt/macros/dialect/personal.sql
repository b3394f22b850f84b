{#- A column that names a person. In Snowflake all readers of the view see it masked, except the role that dbt built it
    as: Standard edition has no masking policies, and a secure view shows nobody else its definition or, through the plan
    of a query, the rows behind it. What is built on the view is computed from the true value, since dbt has that role. -#}
{% macro personal(column) -%}
    {{ return(adapter.dispatch('personal')(column)) }}
{%- endmacro %}

{#- `{name: expression}` with these names masked. -#}
{% macro masked(columns, names) -%}
    {%- set shown = {} -%}
    {%- for name, expression in columns.items() -%}
        {%- do shown.update({name: personal(expression) if name in names else expression}) -%}
    {%- endfor -%}
    {{ return(shown) }}
{%- endmacro %}

{#- DuckDB has no roles: who can open the file reads all of it. -#}
{% macro duckdb__personal(column) -%}
    {{ return(column) }}
{%- endmacro %}

{% macro snowflake__personal(column) -%}
    {{ return("case when current_role() = '" ~ target.role | upper ~ "' then " ~ column ~ " else '********' end") }}
{%- endmacro %}

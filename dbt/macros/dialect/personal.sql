{#- A column that names a person. In Snowflake all readers of the view see it masked, except the role with which dbt
    built it. Standard edition has no masking policies. A secure view shows other roles neither its definition nor,
    through the plan of a query, the rows behind it. Models on the view are computed from the true value, because dbt
    has that role. -#}
{% macro personal(column) -%}
    {{ return(adapter.dispatch('personal')(column)) }}
{%- endmacro %}

{#- The expressions `{name: expression}`, with these names masked. -#}
{% macro masked(columns, names) -%}
    {%- set shown = {} -%}
    {%- for name, expression in columns.items() -%}
        {%- do shown.update({name: personal(expression) if name in names else expression}) -%}
    {%- endfor -%}
    {{ return(shown) }}
{%- endmacro %}

{#- DuckDB has no roles: anybody who can open the file can read all of it. -#}
{% macro duckdb__personal(column) -%}
    {{ return(column) }}
{%- endmacro %}

{% macro snowflake__personal(column) -%}
    {{ return("case when current_role() = '" ~ target.role | upper ~ "' then " ~ column ~ " else '********' end") }}
{%- endmacro %}

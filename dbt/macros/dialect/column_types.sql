{#- Give columns of a table, `{name: type}`, types that hold all of their values. -#}
{% macro set_column_types(relation, types) -%}
    {{ return(adapter.dispatch('set_column_types')(relation, types)) }}
{%- endmacro %}

{% macro duckdb__set_column_types(relation, types) -%}
    {%- for name, type in types.items() -%}
        {%- call statement('set_column_type') -%}
            alter table {{ relation }} alter column {{ adapter.quote(name) }} set data type {{ type }}
        {%- endcall -%}
    {%- endfor -%}
{%- endmacro %}

{#- Snowflake alters a number's precision and never its scale, so the table is written anew in one statement, with its
    rows, its grants and what dbt configured; dbt writes the comments again at the end of the model. -#}
{% macro snowflake__set_column_types(relation, types) -%}
    {%- set expressions = [] -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- set name = adapter.quote(column.name) -%}
        {%- do expressions.append(
            'cast(' ~ name ~ ' as ' ~ types[column.name] ~ ') as ' ~ name if column.name in types else name
        ) -%}
    {%- endfor -%}
    {%- set cluster_by = config.get('cluster_by') -%}
    {%- call statement('set_column_types') -%}
        create or replace {{ 'transient ' if config.get('transient') }}table {{ relation }}
        {%- if cluster_by %}
        cluster by ({{ cluster_by if cluster_by is string else cluster_by | join(', ') }})
        {%- endif %}
        copy grants
        as
        select {{ expressions | join(', ') }}
        from {{ relation }}
    {%- endcall -%}
{%- endmacro %}

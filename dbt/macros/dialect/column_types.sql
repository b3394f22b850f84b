{#- Gives columns of a table, `{name: type}`, types that hold all of their values. -#}
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

{#- Snowflake changes a number's precision in place, but never its scale. For another scale the table is written anew in
    one statement, with its rows and its grants. dbt writes the comments again at the end of the model. -#}
{% macro snowflake__set_column_types(relation, types) -%}
    {%- set expressions = [] -%}
    {%- set rescaled = [] -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- set name = adapter.quote(column.name) -%}
        {%- set type = types.get(column.name) -%}
        {%- if type is none -%}
            {%- do expressions.append(name) -%}
        {%- else -%}
            {%- do expressions.append('cast(' ~ name ~ ' as ' ~ type ~ ') as ' ~ name) -%}
            {%- do rescaled.append(type) if not type.endswith(',' ~ column.numeric_scale ~ ')') -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if rescaled -%}
        {%- call statement('set_column_types') -%}
            create or replace {{ 'transient ' if config.get('transient') }}table {{ relation }} copy grants as
            select {{ expressions | join(', ') }}
            from {{ relation }}
        {%- endcall -%}
    {%- else -%}
        {%- for name, type in types.items() -%}
            {%- call statement('set_column_type') -%}
                alter table {{ relation }} alter column {{ adapter.quote(name) }} set data type {{ type }}
            {%- endcall -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

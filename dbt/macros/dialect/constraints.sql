{#- The constraints of a model that its table gets. Keys are declared in YAML, for readers of the manifest, and tested.
    DuckDB would enforce keys: by an index that slows every merge, and by refusing to replace a dimension that a fact
    refers to. So its tables have only `not null`. Snowflake enforces no key and, if it may rely on one, omits joins
    that cannot change a result: its tables have their primary key. A foreign key would be lost in the next run, which
    replaces the dimensions. -#}
{% macro duckdb__get_table_columns_and_constraints() -%}
    {{ return(columns_with_constraints([])) }}
{%- endmacro %}

{% macro snowflake__get_table_columns_and_constraints() -%}
    {%- set keys = [] -%}
    {%- for constraint in model['constraints'] if constraint.type == 'primary_key' -%}
        {%- do keys.append('primary key (' ~ constraint.columns | join(', ') ~ ') rely') -%}
    {%- endfor -%}
    {{ return(columns_with_constraints(keys)) }}
{%- endmacro %}

{% macro columns_with_constraints(keys) -%}
    {%- set definitions = [] -%}
    {%- for column in model['columns'].values() -%}
        {%- set not_null = column.constraints | selectattr('type', 'equalto', 'not_null') | list -%}
        {%- do definitions.append(column.name ~ ' ' ~ column.data_type ~ (' not null' if not_null)) -%}
    {%- endfor -%}
    {{ return('(\n    ' ~ (definitions + keys) | join(',\n    ') ~ '\n)') }}
{%- endmacro %}

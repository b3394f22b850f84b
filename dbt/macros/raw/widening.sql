{#- Widens columns of incremental models and snapshots that the source has widened (integer to bigint, numeric(12,2) to
    numeric(18,4)), before dbt compares columns. Every other change is left to on_schema_change. Otherwise the merge
    would cast new values to the old type. -#}

{% macro duckdb__check_for_schema_changes(source_relation, target_relation) -%}
    {%- do widen_columns(source_relation, target_relation) -%}
    {{ return(dbt.default__check_for_schema_changes(source_relation, target_relation)) }}
{%- endmacro %}

{% macro snowflake__check_for_schema_changes(source_relation, target_relation) -%}
    {%- do widen_columns(source_relation, target_relation) -%}
    {{ return(dbt.default__check_for_schema_changes(source_relation, target_relation)) }}
{%- endmacro %}

{#- Called before a snapshot is taken. dbt adds missing columns by itself, but widens only text. In Snowflake a run of
    only new rows compares all columns itself (macros/dialect/building.sql). -#}
{% macro widen_snapshot() -%}
    {%- if execute and load_relation(this) is not none and not (target.type == 'snowflake' and is_built_already()) -%}
        {%- do widen_columns(snapshotted(), this) -%}
    {%- endif -%}
{%- endmacro %}

{#- The relation of which the present snapshot is taken. -#}
{% macro snapshotted() -%}
    {%- set parent = graph.nodes[model.depends_on.nodes[0]] -%}
    {{ return(api.Relation.create(parent.database, parent.schema, parent.alias)) }}
{%- endmacro %}

{% macro widen_columns(source_relation, target_relation) -%}
    {%- set wanted = {} -%}
    {%- for column in adapter.get_columns_in_relation(source_relation) -%}
        {%- do wanted.update({column.name | lower: column.data_type | upper}) -%}
    {%- endfor -%}
    {%- set changes = {} -%}
    {%- for column in adapter.get_columns_in_relation(target_relation) -%}
        {%- set type = wanted.get(column.name | lower) -%}
        {%- if type is not none and type_widens(column.data_type | upper, type) -%}
            {%- do log(target_relation ~ ': ' ~ column.name ~ ' is widened to ' ~ type, info=true) -%}
            {%- do changes.update({column.name: type}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if changes -%}
        {%- do set_column_types(target_relation, changes) -%}
    {%- endif -%}
{%- endmacro %}

{#- Whether type `wide` holds every value of another type `narrow`, both in the warehouse's spelling. -#}
{% macro type_widens(narrow, wide) -%}
    {%- set lossless = [
        ('SMALLINT', 'INTEGER'), ('SMALLINT', 'BIGINT'), ('INTEGER', 'BIGINT'), ('FLOAT', 'DOUBLE'), ('REAL', 'DOUBLE')
    ] -%}
    {%- if (narrow, wide) in lossless -%}
        {{ return(true) }}
    {%- endif -%}
    {%- set pattern = '(?:DECIMAL|NUMERIC|NUMBER)\((\d+), ?(\d+)\)' -%}
    {%- set old = modules.re.fullmatch(pattern, narrow) -%}
    {%- set new = modules.re.fullmatch(pattern, wide) -%}
    {%- if not old or not new or old.groups() == new.groups() -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set more_after_point = new.group(2) | int - old.group(2) | int -%}
    {%- set more_before_point = (new.group(1) | int - new.group(2) | int) - (old.group(1) | int - old.group(2) | int) -%}
    {{ return(more_after_point >= 0 and more_before_point >= 0) }}
{%- endmacro %}

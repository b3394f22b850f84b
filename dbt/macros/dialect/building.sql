{#- How Snowflake builds tables in a run that reads only new rows: in as few statements as possible. Each statement
    costs a part of a second of a warehouse, however few rows it finds, and dbt's own materializations send up to 21
    statements a table: they query its columns six times, query its grants, and describe it and its columns again. A
    table built by a complete run has its grants and descriptions, and the project has not changed since, otherwise the
    run would be complete. In a complete run, and for a table that does not exist yet, everything goes dbt's way. -#}

{% materialization incremental, adapter='snowflake', supported_languages=['sql'] -%}
    {%- if not is_built_already() or should_full_refresh() -%}
        {{ return(dbt.materialization_incremental_snowflake()) }}
    {%- elif keeps_its_table() -%}
        {{ return(table_of_other_rows()) }}
    {%- endif -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- set news = make_temp_relation(this).incorporate(type='view') -%}
    {{ run_hooks(pre_hooks) }}

    {#- The variable ends with the session. -#}
    {%- call statement('create_tmp_relation') -%}
        create or replace temporary view {{ news }} as (
            {{ compiled_code }}
        )
    {%- endcall -%}
    {%- do merge_news(news, target) -%}

    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{%- endmaterialization %}


{#- A table without a contract is created anew, because a column may have become wider. -#}
{% materialization table, adapter='snowflake', supported_languages=['sql'] -%}
    {%- if not keeps_its_table() -%}
        {{ return(dbt.materialization_table_snowflake()) }}
    {%- endif -%}
    {{ return(table_of_other_rows()) }}
{%- endmaterialization %}


{% materialization snapshot, adapter='snowflake' -%}
    {%- set present = snapshotted() -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- set columns = adapter.get_columns_in_relation(present) if is_built_already() else [] -%}
    {%- set kept = adapter.get_columns_in_relation(target) if columns else [] -%}
    {%- if not columns or differ(columns, kept, may_lack=true) -%}
        {%- do widen_columns(present, target) if columns -%}
        {{ return(dbt.materialization_snapshot_snowflake()) }}
    {%- endif -%}
    {{ run_hooks(pre_hooks) }}

    {%- set names = columns | map(attribute='name') | list -%}
    {%- set strategy = strategy_dispatch(config.get('strategy'))(model, 'snapshotted_data', 'source_data', model['config'], true) -%}
    {%- set changes = changes_of_columns(strategy, model['compiled_code'], target, names, names) -%}
    {%- set inserted = [] -%}
    {%- for name in names -%}
        {%- do inserted.append(adapter.quote(name)) -%}
    {%- endfor -%}
    {%- call statement('main') -%}
        {{ default__snapshot_merge_sql(
            target, '(' ~ changes ~ ')', inserted + get_snapshot_table_column_names().values() | list
        ) }}
    {%- endcall -%}

    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{%- endmaterialization %}


{#- Whether the present node's table exists, and the run reads only new rows. -#}
{% macro is_built_already() -%}
    {%- set existing = load_cached_relation(this) -%}
    {{ return(existing is not none and existing.is_table and not looks_at_everything()) }}
{%- endmacro %}


{#- Whether Snowflake replaces all rows of the present model's table and keeps the table. It does so if a contract fixes
    the columns. -#}
{% macro keeps_its_table() -%}
    {%- set all_rows = config.get('materialized') == 'table' or config.get('incremental_strategy') == 'replace' -%}
    {{ return(target.type == 'snowflake' and all_rows and config.get('contract').enforced and is_built_already()) }}
{%- endmacro %}

{#- Replaces all rows, runs the hooks, and returns the result of a materialization. Grants, key and descriptions stay.
    -#}
{% macro table_of_other_rows() -%}
    {%- set relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}

    {%- call statement('main') -%}
        {{ snowflake__replace_rows(relation, '(' ~ compiled_code ~ ')', model.columns.keys() | join(', ')) }}
    {%- endcall -%}

    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [relation]}) }}
{%- endmacro %}


{#- The descriptions of a table's columns. dbt's own macro queries the columns first, but ours are exactly those of the
    YAML (tests/dbt). -#}
{% macro snowflake__alter_column_comment(relation, column_dict) -%}
    {%- set comments = [] -%}
    {%- for name in column_dict -%}
        {%- do comments.append(get_column_comment_sql(name | upper, column_dict) | trim) -%}
    {%- endfor -%}
    alter {{ relation.type }} {{ relation }} alter {{ comments | join(', ') }}
{%- endmacro %}


{#- Merges the rows of the relation `news` into an incremental model's table, by the model's strategy. -#}
{% macro merge_news(news, target) -%}
    {%- set strategy = adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy')) -%}
    {%- set arguments = {
        'target_relation': target,
        'temp_relation': news,
        'unique_key': config.get('unique_key'),
        'dest_columns': columns_kept(news, target),
        'incremental_predicates': none,
    } -%}
    {%- call statement('main') -%}
        {{ strategy(arguments) }}
    {%- endcall -%}
{%- endmacro %}


{#- The columns of an incremental model's table. If its query has other columns, or one with a type that the table's
    type does not hold, dbt's checks run, by its contract and on_schema_change. Columns that the source has widened are
    widened; any other difference raises. -#}
{% macro columns_kept(news, target) -%}
    {%- set kept = adapter.get_columns_in_relation(target) -%}
    {%- if differ(adapter.get_columns_in_relation(news), kept) -%}
        {%- do get_assert_columns_equivalent(compiled_code) if config.get('contract').enforced -%}
        {%- do adapter.expand_target_column_types(from_relation=news, to_relation=target) -%}
        {%- do process_schema_changes(config.get('on_schema_change'), news, target) -%}
        {%- do persist_docs(target, model) -%}
    {%- endif -%}
    {{ return(kept) }}
{%- endmacro %}


{#- Whether a table's columns `kept` differ from those `wanted`, or do not hold their values. With `may_lack`, the table
    may have more columns. -#}
{% macro differ(wanted, kept, may_lack=false) -%}
    {%- if diff_columns(wanted, kept) or diff_column_data_types(wanted, kept) or (not may_lack and diff_columns(kept, wanted)) -%}
        {{ return(true) }}
    {%- endif -%}
    {%- for column in wanted if column.is_string() -%}
        {%- set ours = kept | selectattr('name', 'equalto', column.name) | first -%}
        {%- if ours.string_size() < column.string_size() -%}
            {{ return(true) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(false) }}
{%- endmacro %}

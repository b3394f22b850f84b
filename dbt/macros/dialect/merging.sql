{#- How an incremental model's new rows replace rows with the same key. DuckDB uses a deletion and an insertion, within
    dbt's transaction: after an update it rewrites all columns of each block of 122,880 rows with a changed row, which
    at ten million events costs more than the whole computation. A model that has already looked up the rows to replace
    names a column that is null for all other rows, `meta: {known_by: column}`: then DuckDB does not search for them again. -#}
{% macro duckdb__get_incremental_merge_sql(arg_dict) -%}
    {%- set known_by = config.get('meta', {}).get('known_by') -%}
    {%- if known_by -%}
    {%- set key, columns = arg_dict['unique_key'], get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    delete from {{ arg_dict['target_relation'] }}
    where {{ key }} in (select {{ key }} from {{ arg_dict['temp_relation'] }} where {{ known_by }} is not null);

    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict['temp_relation'] }}
    {%- else -%}
    {{ return(get_delete_insert_merge_sql(
        arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'], arg_dict['dest_columns'],
        arg_dict['incremental_predicates']
    )) }}
    {%- endif -%}
{%- endmacro %}


{#- The incremental strategy `replace`, for small tables of sums: the model selects all of its rows, and takes unchanged
    ones from {{ this }}. So a row that no longer counts anything disappears, too. A complete run builds such a table
    anew, so it needs no full refresh after a change of its columns. -#}
{% macro should_full_refresh() -%}
    {%- set anew = config.get('incremental_strategy') == 'replace' and looks_at_everything() -%}
    {{ return(anew or dbt.should_full_refresh()) }}
{%- endmacro %}

{% macro get_incremental_replace_sql(arg_dict) -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {{ return(adapter.dispatch('replace_rows')(arg_dict['target_relation'], arg_dict['temp_relation'], columns)) }}
{%- endmacro %}

{#- In dbt's own transaction. -#}
{% macro duckdb__replace_rows(target, source, columns) -%}
    delete from {{ target }};

    insert into {{ target }} ({{ columns }})
    select {{ columns }}
    from {{ source }}
{%- endmacro %}

{#- In one statement. -#}
{% macro snowflake__replace_rows(target, source, columns) -%}
    insert overwrite into {{ target }} ({{ columns }})
    select {{ columns }}
    from {{ source }}
{%- endmacro %}


{#- Each of our statements commits by itself, because dbt's sessions autocommit and a merge is one statement. For other
    sessions dbt puts BEGIN and COMMIT around it, which are two more statements. -#}
{% macro snowflake__get_merge_sql(target, source_sql, unique_key, dest_columns, incremental_predicates) -%}
    {{ return(default__get_merge_sql(target, source_sql, unique_key, dest_columns, incremental_predicates)) }}
{%- endmacro %}

{#- How an incremental model's new rows replace those of the same key.

    In DuckDB by a deletion and an insertion, within dbt's transaction: after an update it writes all columns of each block of
    122,880 rows that one of them lies in anew, which at ten million events cost more than all that was computed. -#}
{% macro duckdb__get_incremental_merge_sql(arg_dict) -%}
    {{ return(get_delete_insert_merge_sql(
        arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'], arg_dict['dest_columns'],
        arg_dict['incremental_predicates']
    )) }}
{%- endmacro %}


{#- The incremental strategy `replace`, of small tables of sums: the model selects all of its rows, of which it takes over those
    that nothing has touched from {{ this }}. So a row that lost all that it counted goes, too. -#}
{% macro get_incremental_replace_sql(arg_dict) -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- set sql -%}
    delete from {{ arg_dict['target_relation'] }};

    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    (
        select {{ columns }}
        from {{ arg_dict['temp_relation'] }}
    )
    {%- endset -%}
    {{ return(adapter.dispatch('in_one_transaction')(sql)) }}
{%- endmacro %}

{#- dbt's own transaction is around it. -#}
{% macro duckdb__in_one_transaction(sql) -%}
    {{ return(sql) }}
{%- endmacro %}

{% macro snowflake__in_one_transaction(sql) -%}
    {{ return(snowflake_dml_explicit_transaction(sql)) }}
{%- endmacro %}

{#- How an incremental model's new rows replace those of the same key.

    In DuckDB by a deletion and an insertion, within dbt's transaction: after an update it writes all columns of each block of
    122,880 rows that one of them lies in anew, which at ten million events cost more than all that was computed. -#}
{% macro duckdb__get_incremental_merge_sql(arg_dict) -%}
    {{ return(get_delete_insert_merge_sql(
        arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'], arg_dict['dest_columns'],
        arg_dict['incremental_predicates']
    )) }}
{%- endmacro %}

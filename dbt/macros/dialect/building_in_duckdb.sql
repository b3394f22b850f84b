{#- DuckDB's materializations for runs that only look at what is new. They need fewer statements than dbt's own, which build beside
    the present table, rename twice and drop, ask four times for an incremental model's columns, and describe each query of a
    contract twice. dbt's own work for a statement costs more than DuckDB needs for some thousand rows.

    As in Snowflake (building.sql), a run that looks at everything uses dbt's materializations, and so does the first build of a
    model. After each change of the project the next run is one that looks at everything. Each table or view is replaced within one
    transaction, as by dbt. -#}

{% materialization incremental, adapter='duckdb', supported_languages=['sql'] -%}
    {%- if not is_built_already() or should_full_refresh() -%}
        {{ return(dbt.materialization_incremental_duckdb()) }}
    {%- endif -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- set news = make_temp_relation(target) -%}
    {{ run_hooks(pre_hooks) }}

    {#- The temporary table lives until the end of dbt's session. -#}
    {%- call statement('create_tmp_relation') -%}
        create temporary table {{ news.include(database=false, schema=false) }} as (
            {{ compiled_code }}
        )
    {%- endcall -%}
    {%- do merge_news(news, target) -%}

    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}
    {{ return({'relations': [target]}) }}
{%- endmaterialization %}


{% materialization table, adapter='duckdb', supported_languages=['sql'] -%}
    {%- if not is_built_already() -%}
        {{ return(dbt.materialization_table_duckdb()) }}
    {%- endif -%}
    {%- set target = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}

    {%- call statement('main') -%}
        {%- if config.get('contract').enforced %}
        create or replace table {{ target }} {{ get_table_columns_and_constraints() }};

        insert into {{ target }} {{ get_column_names() }}
        {{ get_select_subquery(compiled_code) }}
        {%- else %}
        create or replace table {{ target }} as (
            {{ compiled_code }}
        )
        {%- endif %}
    {%- endcall -%}

    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}
    {{ return({'relations': [target]}) }}
{%- endmaterialization %}


{% materialization view, adapter='duckdb' -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing is none or not existing.is_view or looks_at_everything() -%}
        {{ return(dbt.materialization_view_default()) }}
    {%- endif -%}
    {{ run_hooks(pre_hooks) }}

    {%- call statement('main') -%}
        create or replace view {{ existing }} as (
            {{ compiled_code }}
        )
    {%- endcall -%}

    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}
    {{ return({'relations': [existing]}) }}
{%- endmaterialization %}

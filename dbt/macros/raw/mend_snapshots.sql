{#- `dbt run-operation mend_snapshots`: gives each key of every snapshot one unbroken history again. dbt's own
    strategies break it if a row comes back with its old updated_at: DuckDB then has two versions with one id, and a
    deletion that ends before it begins; Snowflake has no open version. All known facts are kept: versions follow one
    another by the times at which they ended, each begins where the one before it ends, and the last one is open. A
    return without a recorded time is dated by the commit of its row, or else by the deletion before it. An unbroken
    snapshot is not changed. Run it while no run is under way. -#}
{% macro mend_snapshots() -%}
    {%- for node in graph.nodes.values() | selectattr('resource_type', 'equalto', 'snapshot') | sort(attribute='name') -%}
        {%- set relation = adapter.get_relation(node.database, node.schema, node.alias) -%}
        {%- if relation is not none -%}
            {%- do mend_snapshot(relation, node.config) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{% macro mend_snapshot(relation, snapshot) -%}
    {%- set key = [snapshot.unique_key] if snapshot.unique_key is string else snapshot.unique_key -%}
    {%- set broken = run_query('select count(*) from (' ~ broken_histories(relation, key) ~ ') as broken').rows[0][0] -%}
    {%- if broken -%}
        {%- call statement('mend') -%}
            create or replace {{ 'table ' ~ relation ~ (' copy grants' if target.type == 'snowflake') }} as
            {{ mended_history(relation, key, snapshot.meta['stream']) }}
        {%- endcall -%}
        {%- do adapter.commit() if target.type == 'duckdb' -%}
    {%- endif -%}
    {%- do log(relation.schema ~ '.' ~ relation.identifier ~ ': ' ~ (broken ~ ' keys had a broken history, which is mended' if broken else 'whole'), info=true) -%}
{%- endmacro %}

{% macro mended_history(relation, key, stream) -%}
with

versions as (
    select
        *,
        greatest(coalesce(dbt_valid_to, {{ end_of_time() }}), dbt_valid_from) as ended_at
    from {{ relation }}
),

numbered as (
    select
        *,
        row_number() over (partition by {{ key | join(', ') }} order by ended_at, dbt_valid_from, _log_version) as position,
        row_number() over (partition by dbt_scd_id order by ended_at, dbt_valid_from, _log_version) as id_number
    from versions
),

-- A version that claims to have begun before the version it follows began when its row was landed.
claimed as (
    select
        numbered.*,
        case
            when dbt_valid_from < max(dbt_valid_from) over (
                partition by {{ key | join(', ') }} order by position
                rows between unbounded preceding and current row
            ) then coalesce({{ to_utc('loads.committed_at') }}, dbt_valid_from)
            else dbt_valid_from
        end as claimed_from
    from numbered
    left join {{ source('raw', '_loads') }} as loads
        on loads.stream = '{{ stream }}' and loads.version = numbered._log_version and numbered.dbt_is_deleted = 'False'
),

dated as (
    select
        *,
        max(claimed_from) over (
            partition by {{ key | join(', ') }} order by position
            rows between unbounded preceding and current row
        ) as begins_at
    from claimed
)

select
    {%- for column in adapter.get_columns_in_relation(relation) %}
    {%- set name = adapter.quote(column.name) %}
    {%- if column.name | lower == 'dbt_scd_id' %}
    case when id_number = 1 then dbt_scd_id else md5(dbt_scd_id || '|' || cast(id_number as varchar)) end
    {%- elif column.name | lower == 'dbt_valid_from' %}
    begins_at
    {%- elif column.name | lower == 'dbt_valid_to' %}
    lead(begins_at) over (partition by {{ key | join(', ') }} order by position)
    {%- else %}
    {{ name }}
    {%- endif %} as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
from dated
{%- endmacro %}

{#- The keys of a snapshot whose history is broken: a gap, an overlap, a version that ends before it begins, two
    versions with one id, or not exactly one open version at the end. -#}
{% macro broken_histories(relation, key) -%}
    select {{ key | join(', ') }}
    from (
        select
            {{ key | join(', ') }},
            dbt_valid_from,
            dbt_valid_to,
            lead(dbt_valid_from) over (
                partition by {{ key | join(', ') }}
                order by dbt_valid_from, case when dbt_valid_to is null then 1 else 0 end, dbt_valid_to
            ) as next_from,
            count(*) over (partition by dbt_scd_id) as of_one_id
        from {{ relation }}
    ) as versions
    where dbt_valid_to < dbt_valid_from or dbt_valid_to is distinct from next_from or of_one_id > 1
    group by {{ key | join(', ') }}
{%- endmacro %}

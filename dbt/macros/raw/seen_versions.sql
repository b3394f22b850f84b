{#- How snapshots follow a stream: the strategy `seen`. A version begins at its row's updated_at. If the version before
    it began later, that is impossible: then it begins when its version of the stream's log was committed. So a row that
    leaves and comes back with its old updated_at, from a copy, closes its history and opens it again, and a row that
    was changed behind its cursor and landed again gets a version. An unchanged row that was landed again gets none, and
    neither does a model that reads the same row differently. A snapshot names its stream in `meta`. dbt's own
    strategies compare only updated_at, and take a returning row for its former version. -#}

{% macro snapshot_seen_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) -%}
    {%- set updated_at = config.get('updated_at') -%}
    {{ return({
        'unique_key': config.get('unique_key'),
        'updated_at': updated_at,
        'row_changed': 'false',
        'scd_id': version_id(snapshot_key(), 'false', '_log_version', updated_at),
        'hard_deletes': adapter.get_hard_deletes_behavior(config),
    }) }}
{%- endmacro %}

{% macro duckdb__snapshot_staging_table(strategy, source_sql, target_relation) -%}
    {{ return(changes_since_last_snapshot(strategy, source_sql, target_relation)) }}
{%- endmacro %}

{% macro snowflake__snapshot_staging_table(strategy, source_sql, target_relation) -%}
    {{ return(changes_since_last_snapshot(strategy, source_sql, target_relation)) }}
{%- endmacro %}

{#- The rows that dbt merges into the snapshot: one to insert for each version that begins, and one to update for the
    version that it ends. -#}
{% macro changes_since_last_snapshot(strategy, source_sql, target_relation) -%}
    {%- if config.get('strategy') != 'seen' -%}
        {{ return(dbt.default__snapshot_staging_table(strategy, source_sql, target_relation)) }}
    {%- endif -%}
    {{ return(changes_of_columns(
        strategy, source_sql, target_relation, get_columns_in_query(source_sql),
        adapter.get_columns_in_relation(target_relation) | map(attribute='name') | list
    )) }}
{%- endmacro %}

{#- The same for the source's `columns`, by name, of which the snapshot has the columns `kept`. -#}
{% macro changes_of_columns(strategy, source_sql, target_relation, columns, kept) -%}
    {%- set key = snapshot_key() -%}
with

landed as (
    {{ source_sql }}
),

known as (
    select *
    from {{ target_relation }}
    where dbt_valid_to is null
),

log as (
    select version, {{ to_utc('committed_at') }} as seen_at
    from {{ source('raw', '_loads') }}
    where stream = '{{ config.get('meta')['stream'] }}'
),

-- It stands for a change that no version of the row shows: the row was deleted, or is back without having been landed.
newest as (
    select *
    from log
    qualify row_number() over (order by version desc) = 1
),

changed as (
    select
        {%- for column in columns %}
        {%- set name = adapter.quote(column) %}
        {{ 'case when landed.' ~ key[0] ~ ' is null then known.' ~ name ~ ' else landed.' ~ name ~ ' end'
            if column in kept else 'landed.' ~ name }} as {{ name }},
        {%- endfor %}
        known.dbt_scd_id as ended_id,
        known.dbt_valid_from as previous_from,
        landed.{{ key[0] }} is null as is_gone,
        coalesce(landing.version, newest.version) as seen_version,
        coalesce(landing.seen_at, newest.seen_at) as seen_at
    from landed
    full outer join known
        on {% for column in key %}known.{{ column }} = landed.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
    left join log as landing
        on landing.version = landed._log_version
        and landing.seen_at > coalesce(known.dbt_valid_from, {{ beginning_of_time() }})
    cross join newest
    where known.{{ key[0] }} is null
        or (landed.{{ key[0] }} is null and known.dbt_is_deleted = 'False')
        or (landed.{{ key[0] }} is not null and known.dbt_is_deleted = 'True')
        or (
            landed._log_version <> known._log_version
            and (
                {%- for column in columns if column | lower not in ['_extracted_at', '_log_version'] %}
                {%- set name = adapter.quote(column) %}
                {{ 'landed.' ~ name ~ ' is distinct from known.' ~ name if column in kept else 'landed.' ~ name ~ ' is not null' }}
                {{- ' or' if not loop.last }}
                {%- endfor %}
            )
        )
),

dated as (
    select
        *,
        case
            when not is_gone and (previous_from is null or {{ strategy.updated_at }} > previous_from) then {{ strategy.updated_at }}
            else greatest(seen_at, previous_from)
        end as begins_at
    from changed
)

select
    'insert' as dbt_change_type,
    {% for column in columns %}{{ adapter.quote(column) }}, {% endfor %}
    begins_at as dbt_valid_from,
    case when is_gone then begins_at else {{ strategy.updated_at }} end as dbt_updated_at,
    nullif(begins_at, begins_at) as dbt_valid_to,
    {{ version_id(key, 'is_gone', 'seen_version', 'begins_at') }} as dbt_scd_id,
    case when is_gone then 'True' else 'False' end as dbt_is_deleted
from dated

union all

select
    'update',
    {% for column in columns %}{{ adapter.quote(column) }}, {% endfor %}
    begins_at,
    begins_at,
    begins_at,
    ended_id,
    'False'
from dated
where ended_id is not null
{%- endmacro %}

{#- The names of the key's columns. -#}
{% macro snapshot_key() -%}
    {%- set key = config.get('unique_key') -%}
    {{ return([key] if key is string else key) }}
{%- endmacro %}

{#- dbt_scd_id, alike in both warehouses: made of a key, whether it is gone, and where and when that was seen. dbt's own
    casts the time to text, which Snowflake prints by the session's settings, by default to the millisecond. -#}
{% macro version_id(key, is_gone, version, begins_at) -%}
    {%- set is_gone = "case when " ~ is_gone ~ " then 'gone' else 'here' end" -%}
    {{ return(md5_of(key + [is_gone, version, epoch_microseconds(begins_at)])) }}
{%- endmacro %}

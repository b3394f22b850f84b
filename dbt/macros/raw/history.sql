{#- The versions of a stream's rows through time, from RAW's versions, of which none is missing, and from the recorded
    deletions. The result is the same whenever it is computed, and however often an unchanged row was landed again. A
    version begins at its row's updated_at. If the version before it began later, that is impossible: then it begins
    when its version of the stream's log was committed. The first version is valid from the beginning of time, because
    the first known state is the best guess for the time before it. The last version is valid until the end of time. A
    deletion is a version, and so is a row that comes back after one. `columns` maps names to expressions over RAW's
    columns, including the key and updated_at. A row with unchanged `tracked` columns (default: all) begins no version.
    Deletions come from the snapshot `recorded_in` of the view `present`; for a snapshot stream, from its snapshots in
    RAW. Without either there are none. -#}
{% macro history(stream, columns, tracked=none, recorded_in=none, present=none) -%}
{%- set key = stream_key(stream) -%}
{%- set keys = key | join(', ') -%}
{%- set compared = (tracked or columns) | reject('in', key) | list -%}
with

landed as (
    select
        {{ select_list(columns) }},
        _log_version,
        _row_number
    from {{ source('raw', stream) }}
),

commits as (
    select version, kind, {{ to_utc('committed_at') }} as seen_at
    from {{ source('raw', '_loads') }}
    where stream = '{{ stream }}'
),

{% if recorded_in -%}
{{ recorded_deletions(stream, recorded_in, present) }},
{%- elif stream_is_whole(stream) -%}
{{ deletions_between_snapshots(key) }},
{%- endif %}

seen as (
    select
        {{ columns | join(',\n        ') }},
        landed._log_version,
        landed._log_version as position,
        0 as step,
        landed._row_number,
        false as is_deleted,
        updated_at as claimed_at,
        coalesce(commits.seen_at, updated_at) as seen_at
    from landed
    left join commits on commits.version = landed._log_version
    {%- if recorded_in or stream_is_whole(stream) %}

    union all

    select
        {{ columns | join(',\n        ') }},
        landed._log_version,
        departures.position,
        departures.step,
        landed._row_number,
        departures.is_deleted,
        departures.seen_at,
        departures.seen_at
    from departures
    inner join landed
        on {% for column in key %}landed.{{ column }} = departures.departed_{{ column }} and {% endfor %}landed._log_version <= departures.position
    qualify row_number() over (
        partition by {{ keys }}, departures.position, departures.step
        order by landed._log_version desc, landed._row_number desc
    ) = 1
    {%- endif %}
),

ordered as (
    select
        *,
        {%- for column in compared %}
        lag({{ column }}) over (partition by {{ keys }} order by position, step, _row_number) as previous_{{ column }},
        {%- endfor %}
        lag(is_deleted) over (partition by {{ keys }} order by position, step, _row_number) as was_deleted,
        row_number() over (partition by {{ keys }} order by position, step, _row_number) as sequence_number
    from seen
),

-- An unchanged row that was landed again is no version.
changed as (
    select *
    from ordered
    where sequence_number = 1
        or is_deleted <> was_deleted
        {%- for column in compared %}
        or {{ column }} is distinct from previous_{{ column }}
        {%- endfor %}
),

-- Which of its two times a version begins at depends on the start of the version before it, and so on. Each pass
-- decides one more version that is dated by its commit.
{%- set passes = 3 %}
pass_0 as (
    select
        *,
        max(claimed_at) over (
            partition by {{ keys }} order by sequence_number rows between unbounded preceding and 1 preceding
        ) as previous_from
    from changed
),
{% for number in range(passes) %}
dated_{{ number }} as (
    select
        {{ columns | join(', ') }},
        _log_version, sequence_number, is_deleted, claimed_at, seen_at,
        case
            when previous_from is null or claimed_at > previous_from then claimed_at
            else greatest(seen_at, previous_from)
        end as begins_at
    from pass_{{ number }}
),

pass_{{ number + 1 }} as (
    select
        *,
        max(begins_at) over (
            partition by {{ keys }} order by sequence_number rows between unbounded preceding and 1 preceding
        ) as previous_from
    from dated_{{ number }}
),
{% endfor %}
bounded as (
    select
        *,
        case
            when previous_from is null then {{ beginning_of_time() }}
            else {{ in_history('greatest(begins_at, previous_from)') }}
        end as valid_from
    from pass_{{ passes }}
),

closed as (
    select
        *,
        coalesce(
            lead(valid_from) over (partition by {{ keys }} order by sequence_number), {{ end_of_time() }}
        ) as valid_to
    from bounded
)

-- A version without length is none.
select
    {{ columns | join(',\n    ') }},
    is_deleted,
    valid_from,
    valid_to,
    row_number() over (partition by {{ keys }} order by sequence_number) as version_number,
    valid_to = {{ end_of_time() }} as is_current,
    _log_version
from closed
where valid_from < valid_to
{%- endmacro %}


{#- `departures`: each time that a dbt snapshot saw a key leave (step 1), or saw it there again without a new row (step
    2). The position is the newest version of the stream's log that had been committed by then. A key that had left
    before any snapshot saw it left with the first tombstone after its row, or with the first snapshot of the log. -#}
{% macro recorded_deletions(stream, snapshot, present) -%}
{%- set key = stream_key(stream) -%}
recorded as (
    select
        {% for column in key %}known.{{ column }}, {% endfor %}
        known.dbt_is_deleted,
        known.dbt_valid_from,
        known.dbt_valid_to,
        known._log_version,
        coalesce(max(commits.version), 0) as position
    from {{ snapshot }} as known
    left join commits on commits.seen_at <= known.dbt_valid_from
    group by
        {% for column in key %}known.{{ column }}, {% endfor %}known.dbt_scd_id, known.dbt_is_deleted, known.dbt_valid_from,
        known.dbt_valid_to, known._log_version
),

followed as (
    select
        *,
        lag(dbt_is_deleted) over (
            partition by {{ key | join(', ') }}
            order by dbt_valid_from, case when dbt_valid_to is null then 1 else 0 end, dbt_valid_to
        ) as previous_is_deleted,
        lag(position) over (
            partition by {{ key | join(', ') }}
            order by dbt_valid_from, case when dbt_valid_to is null then 1 else 0 end, dbt_valid_to
        ) as previous_position
    from recorded
),

departures as (
    select
        {% for column in key %}{{ column }} as departed_{{ column }}, {% endfor %}
        position,
        case when dbt_is_deleted = 'True' then 1 else 2 end as step,
        dbt_is_deleted = 'True' as is_deleted,
        dbt_valid_from as seen_at
    from followed
    where dbt_is_deleted = 'True' or (previous_is_deleted = 'True' and _log_version <= previous_position)

    union all

    select {{ quoted_list(key, 'newest.') }}, min(commits.version), 1, true, min(commits.seen_at)
    from (
        select {{ key | join(', ') }}, max(_log_version) as last_version
        from landed
        group by {{ key | join(', ') }}
    ) as newest
    {%- if stream_finds_deletions(stream) %}
    left join {{ source('raw', stream ~ '__deletes') }} as deleted
        on {{ equal_in(key, 'deleted', 'newest') }} and deleted._log_version > newest.last_version
    {%- endif %}
    inner join commits
        on commits.version > newest.last_version
        and (
            commits.kind = 'snapshot'
            {%- if stream_finds_deletions(stream) %}
            or commits.version = deleted._log_version
            {%- endif %}
        )
    left join {{ present }} as present on {{ equal_in(key, 'present', 'newest') }}
    left join {{ snapshot }} as known on {{ equal_in(key, 'known', 'newest') }}
    where present.{{ key[0] }} is null and known.{{ key[0] }} is null
    group by {{ quoted_list(key, 'newest.') }}
)
{%- endmacro %}


{#- `departures` of a snapshot stream: the first snapshot after a row that lacks its key. -#}
{% macro deletions_between_snapshots(key) -%}
landings as (
    select distinct
        {{ key | join(', ') }},
        _log_version
    from landed
),

followed as (
    select
        *,
        lead(_log_version) over (partition by {{ key | join(', ') }} order by _log_version) as next_landing
    from landings
),

departures as (
    select
        {% for column in key %}followed.{{ column }} as departed_{{ column }}, {% endfor %}
        min(commits.version) as position,
        1 as step,
        true as is_deleted,
        min(commits.seen_at) as seen_at
    from followed
    inner join commits
        on commits.kind = 'snapshot'
        and commits.version > followed._log_version
        and (commits.version < followed.next_landing or followed.next_landing is null)
    group by {% for column in key %}followed.{{ column }}, {% endfor %}followed._log_version
)
{%- endmacro %}

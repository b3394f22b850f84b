{#- RAW keeps every landed version of a row; of these the one with the highest (_log_version, _row_number) is valid. The
    macros here turn that history into the current rows. stream_key() and stream_finds_deletions() are generated from
    the contracts, see streams.sql. -#}

{#- The newest row of each key of `stream` in `relation`. A snapshot replaces all rows landed before it, even if the
    stream has been read by its cursor since (ingest/lake/counting.py has the rule). -#}
{% macro current_versions(relation, stream) -%}
    select *
    from {{ relation }}
    where _log_version >= (select coalesce(max(version), 0) from ({{ newest_version(stream, 'snapshot') }}) as newest)
    qualify row_number() over (
        partition by {{ quoted_list(stream_key(stream)) }}
        order by _log_version desc, _row_number desc
    ) = 1
{%- endmacro %}


{#- The rows of `relation` with `is_gone`: a tombstone of the key was landed after the row, so the source has deleted
    it. `_deleted_version` is the newest tombstone's version. If the stream's contract no longer looks for deletions, no
    row is gone, whatever older tombstones exist. -#}
{% macro with_deletions(relation, stream) -%}
    {%- if not stream_finds_deletions(stream) -%}
    select
        landed.*,
        cast(null as bigint) as _deleted_version,
        false as is_gone
    from {{ relation }} as landed
    {%- else -%}
    {%- set key = stream_key(stream) -%}
    select
        landed.*,
        deleted._deleted_version,
        coalesce(landed._log_version < deleted._deleted_version, false) as is_gone
    from {{ relation }} as landed
    left join ({{ deleted_keys(stream) }}) as deleted
        on {{ equal_in(key, 'deleted', 'landed') }}
    {%- endif -%}
{%- endmacro %}


{#- All rows of a snapshot stream: those of its newest snapshot, which may be empty. -#}
{% macro newest_snapshot(stream) -%}
    select landed.*
    from {{ source('raw', stream) }} as landed
    inner join ({{ newest_version(stream, 'snapshot') }}) as newest
        on newest.version = landed._log_version
{%- endmacro %}


{#- The current rows of a stream, however its contract lands it. -#}
{% macro present_rows(stream) -%}
    {%- if stream_is_whole(stream) -%}
    {{ newest_snapshot(stream) }}
    {%- elif stream_finds_deletions(stream) -%}
    select *
    from ({{ with_deletions('(' ~ current_versions(source('raw', stream), stream) ~ ')', stream) }}) as flagged
    where not is_gone
    {%- else -%}
    {{ current_versions(source('raw', stream), stream) }}
    {%- endif -%}
{%- endmacro %}


{#- The keys of a stream that have a tombstone, each with the version of its newest one. -#}
{% macro deleted_keys(stream) -%}
    select
        {{ quoted_list(stream_key(stream)) }},
        max(_log_version) as _deleted_version
    from {{ source('raw', stream ~ '__deletes') }}
    group by {{ quoted_list(stream_key(stream)) }}
{%- endmacro %}


{#- One row: the newest version of `stream` of that kind in the ledger, or null. -#}
{% macro newest_version(stream, kind) -%}
    select max(version) as version
    from {{ source('raw', '_loads') }}
    where stream = '{{ stream }}' and kind = '{{ kind }}'
{%- endmacro %}

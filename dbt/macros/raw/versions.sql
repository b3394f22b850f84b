{#- RAW keeps every landed version of a row; a higher (_log_version, _row_number) is the later truth. The macros here
    turn that history into rows as they are now. stream_key() and stream_finds_deletions() are generated from the
    contracts, see streams.sql. -#}

{#- Per key of `stream`, the newest of the rows of `relation`. A snapshot replaces all that was landed before it, also
    where the stream is read by its cursor since (ingest/lake/counting.py is the rule). -#}
{% macro current_versions(relation, stream) -%}
    select *
    from {{ relation }}
    where _log_version >= (select coalesce(max(version), 0) from ({{ newest_version(stream, 'snapshot') }}) as newest)
    qualify row_number() over (
        partition by {{ quoted_list(stream_key(stream)) }}
        order by _log_version desc, _row_number desc
    ) = 1
{%- endmacro %}


{#- The rows of `relation` with `is_gone`: a tombstone of the key was landed after the row, so the source has deleted it.
    `_deleted_version` is the newest tombstone's version. In a stream whose contract has given its deletions up nothing is
    gone, whatever older tombstones say. -#}
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


{#- All rows of a stream that is landed whole: those of its newest snapshot, which may be empty. -#}
{% macro newest_snapshot(stream) -%}
    select landed.*
    from {{ source('raw', stream) }} as landed
    inner join ({{ newest_version(stream, 'snapshot') }}) as newest
        on newest.version = landed._log_version
{%- endmacro %}


{#- The rows of a stream as its source has them now, however its contract lands it. -#}
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

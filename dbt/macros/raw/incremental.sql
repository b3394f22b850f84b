{#- How an incremental model reads a stream. Its own table is the only state: it holds the _log_version of each row, and
    rows of higher versions in RAW are new. The filter comes before any window or join, so that the cost of a run
    depends on the number of new rows, not on the size of the table. -#}

{#- The current versions among the rows of `stream` that {{ this }} has not seen (all rows in a full refresh). `columns`
    maps names to expressions over RAW's columns. It adds is_deleted and the bookkeeping columns. -#}
{% macro new_rows(stream, columns) -%}
    with landed as (
        select *
        from {{ source('raw', stream) }}
        {%- if is_incremental() %}
        where _log_version > (select coalesce(max(_log_version), 0) from {{ this }})
        {%- endif %}
    ),

    newest as (
        {{ current_versions('landed', stream) }}
    ),

    flagged as (
        {{ with_deletions('newest', stream) }}
    )

    select
        {{ select_list(columns) }},
        is_gone as is_deleted,
        case when is_gone then _deleted_version else _log_version end as _changed_version,
        _log_version
    from flagged
{%- endmacro %}


{#- The whole SQL of a table with the current row of every key that `stream` ever landed. Deleted rows stay, flagged
    with is_deleted, so that downstream models see the deletion. If the contract no longer looks for deletions, no row
    is flagged any more; a table built before keeps its flags until it is built anew. _changed_version is the version of
    the stream's log by which the row last changed: its own, or its tombstone's. Both come from one sequence, so a
    reader's state is one number. Of the existing rows, only those with a tombstone newer than the table has seen are
    read. -#}
{% macro current_rows(stream, columns) -%}
with

new_rows as (
    {{ new_rows(stream, columns) }}
){% if is_incremental() and stream_finds_deletions(stream) %},

newly_deleted as (
    select *
    from ({{ deleted_keys(stream) }}) as deleted
    where _deleted_version > (select coalesce(max(_changed_version), 0) from {{ this }})
),

reflagged as (
    select
        known.*,
        newly_deleted._deleted_version
    from {{ this }} as known
    inner join newly_deleted
        on {{ equal_in(stream_key(stream), 'newly_deleted', 'known') }}
        and known._log_version < newly_deleted._deleted_version
    left join new_rows
        on {{ equal_in(stream_key(stream), 'new_rows', 'known') }}
    where not known.is_deleted and new_rows.{{ quoted(stream_key(stream)[0]) }} is null
){% endif %}

select
    {{ columns | join(',\n    ') }},
    is_deleted,
    _changed_version,
    _log_version
from new_rows
{%- if is_incremental() and stream_finds_deletions(stream) %}

union all

select
    {{ columns | join(',\n    ') }},
    true as is_deleted,
    _deleted_version as _changed_version,
    _log_version
from reflagged
{%- endif %}
{%- endmacro %}


{#- `{name: expression}` as the inside of a SELECT. -#}
{% macro select_list(columns) -%}
    {%- set items = [] -%}
    {%- for name, expression in columns.items() -%}
        {%- do items.append(expression if expression == name else expression ~ ' as ' ~ name) -%}
    {%- endfor -%}
    {{ return(items | join(',\n        ')) }}
{%- endmacro %}

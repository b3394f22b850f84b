{#- The rows of other streams that a change of a stream can affect, if they refer to its keys: by the version of the
    stream's log that last changed a key. -#}

{#- A query of each key of `stream` that ever landed, and `changed_version`: the newest version with a row or a
    tombstone of it. A version that lands all keys again (a snapshot, an older release's key set, a replay) may have
    changed any of them. -#}
{% macro last_changes(stream) -%}
    {%- set keys = quoted_list(stream_key(stream)) -%}
    select
        {{ quoted_list(stream_key(stream), 'changes.') }},
        greatest(max(changes._log_version), max(anew.version)) as changed_version
    from (
        select {{ keys }}, _log_version from {{ source('raw', stream) }}
        {%- if stream_finds_deletions(stream) %}
        union all
        select {{ keys }}, _log_version from {{ source('raw', stream ~ '__deletes') }}
        {%- endif %}
    ) as changes
    cross join (
        select coalesce(max(version), 0) as version
        from {{ source('raw', '_loads') }}
        where stream = '{{ stream }}' and kind not in ('data', 'backfill', 'deletes')
    ) as anew
    group by {{ quoted_list(stream_key(stream), 'changes.') }}
{%- endmacro %}

{#- One row: the newest version of customers' log that changed any customer. A fact that looks up customers stores it in
    each row that it writes, as `_customers_version`. -#}
{% macro customers_version() -%}
    select coalesce(max(_changed_version), 0) as version
    from {{ ref('int_customer_versions') }}
{%- endmacro %}

{#- A query of the addresses whose holder or consent may have changed since {{ this }} was last compared: all addresses
    that the changed customers ever had. In a complete run it is all addresses, because changes made by hand or by
    another release have no version. -#}
{% macro addresses_touched() -%}
    select distinct email_hash
    from {{ ref('int_customer_versions') }}
    {%- if not looks_at_everything() %}
    where _changed_version > (select coalesce(max(_customers_version), -1) from {{ this }})
    {%- endif %}
{%- endmacro %}

{#- Messages that an event was of until it was listed again under another one: what was computed of them is computed again. A row of
    int_email_events names, in `_former_messages`, all that it was of since that table was built anew; then what stands on it
    was, too. -#}

{#- `_former_messages` of the row `known` that an event listed again, `event`, replaces: the elements of a JSON array, none where it
    has always been of the same message. -#}
{% macro former_messages(event, known) -%}
    {%- set before, left = "coalesce(" ~ known ~ "._former_messages, '')", json_quoted(known ~ ".message_id") -%}
    {{ return(
        "case when " ~ known ~ ".message_id = " ~ event ~ ".message_id then " ~ before
        ~ " when " ~ before ~ " = '' then " ~ left ~ " else " ~ before ~ " || ',' || " ~ left ~ " end"
    ) }}
{%- endmacro %}

{#- A query of the messages, `message_id`, that events of int_email_events with a version above `after` have been of, each with
    the newest `version` of such an event. Most runs find none: the column is null but for events that were listed again. -#}
{% macro messages_left(after) -%}
    select element as message_id, max(_log_version) as version
    from ({{ json_texts(
        "(select '[' || _former_messages || ']' as messages, _log_version from " ~ ref('int_email_events')
        ~ " where _former_messages <> '' and _log_version > (" ~ after ~ "))",
        'messages', ['_log_version']
    ) }}) as left_behind
    group by element
{%- endmacro %}

{#- After the merge of int_message_lifecycle and of what has its grain, in the same transaction where the warehouse has one: the
    messages that have no event any more. -#}
{% macro delete_messages_without_events(lifecycle) -%}
    {%- if not is_incremental() -%}
        {{ return('') }}
    {%- endif -%}
    delete from {{ this }}
    {%- if lifecycle == this %}
    where first_event_at is null
    {%- else %}
    where message_id in (
        select left_behind.message_id
        from ({{ messages_left(after='0') }}) as left_behind
        left join {{ lifecycle }} as lifecycle on lifecycle.message_id = left_behind.message_id
        where lifecycle.message_id is null
    )
    {%- endif -%}
{%- endmacro %}

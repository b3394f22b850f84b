{#- Which rows of a model a test looks at: a condition on its columns.

    All, unless the environment variable FULL_TESTS is false, as the flow sets it for runs that do not look for deletions
    either: then those that landed within a day of the newest load, as the model's `meta: {new_rows: {stream: column}}` tells
    them by the columns that hold versions of the streams' logs. A model without it is looked at as a whole. A row that has
    passed is not tested again until the next full run. -#}
{% macro new_rows_alone() -%}
    {%- if not execute or looks_at_everything() or not model.get('attached_node') -%}
        {{ return('true') }}
    {%- endif -%}
    {%- set streams = graph.nodes[model.attached_node].config.get('meta', {}).get('new_rows', {}) -%}
    {%- set newer = [] -%}
    {%- for stream, column in streams.items() -%}
        {%- do newer.append(column ~ ' > (' ~ version_a_day_ago(stream) ~ ')') -%}
    {%- endfor -%}
    {{ return('(' ~ newer | join(' or ') ~ ')' if newer else 'true') }}
{%- endmacro %}

{#- Whether this run looks at everything, by the environment variable FULL_TESTS, or at what is new. -#}
{% macro looks_at_everything() -%}
    {{ return(env_var('FULL_TESTS', 'true') | lower != 'false') }}
{%- endmacro %}

{#- A condition on the rows of a stream in RAW: those that landed within a day of the newest load, all where FULL_TESTS is not
    false. -#}
{% macro landed_lately(stream) -%}
    {%- if not execute or looks_at_everything() -%}
        {{ return('true') }}
    {%- endif -%}
    {{ return('_log_version > (' ~ version_a_day_ago(stream) ~ ')') }}
{%- endmacro %}

{#- A condition on the rows of a model: the same, by their key in the stream. -#}
{% macro among_landed_lately(key, stream) -%}
    {%- if not execute or looks_at_everything() -%}
        {{ return('true') }}
    {%- endif -%}
    {{ return(
        key ~ ' in (select ' ~ key ~ ' from ' ~ source('raw', stream) ~ ' where ' ~ landed_lately(stream) ~ ')'
    ) }}
{%- endmacro %}

{#- One row: the newest version of `stream` that had been loaded a day before the newest load of all, or 0. -#}
{% macro version_a_day_ago(stream) -%}
    {%- set loads = source('raw', '_loads') -%}
    {%- set loaded_at = epoch_microseconds(to_utc('loaded_at')) -%}
    select coalesce(max(version), 0)
    from {{ loads }}
    where stream = '{{ stream }}' and {{ loaded_at }} < (select max({{ loaded_at }}) - 86400000000 from {{ loads }})
{%- endmacro %}

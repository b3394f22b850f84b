{#- The rows of a model that a test checks, as a condition on its columns. It is all rows, unless the environment
    variable FULL_TESTS is false, which the flow sets for runs that do not look for deletions. Then it is the rows that
    landed within a day of the newest load. The model's `meta: {new_rows: {stream: column}}` names the columns that hold
    versions of the streams' logs. A model without it is checked as a whole. A row that has passed is not tested again
    until the next full run. -#}
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

{#- Whether this run checks all rows or only new ones, by the environment variable FULL_TESTS. -#}
{% macro looks_at_everything() -%}
    {{ return(env_var('FULL_TESTS', 'true') | lower != 'false') }}
{%- endmacro %}

{#- A condition on the rows of a stream in RAW: rows that landed within a day of the newest load, or all if FULL_TESTS
    is not false. -#}
{% macro landed_lately(stream) -%}
    {%- if not execute or looks_at_everything() -%}
        {{ return('true') }}
    {%- endif -%}
    {{ return('_log_version > (' ~ version_a_day_ago(stream) ~ ')') }}
{%- endmacro %}

{#- The same condition on the rows of a model, by their key in the stream. -#}
{% macro among_landed_lately(key, stream) -%}
    {%- if not execute or looks_at_everything() -%}
        {{ return('true') }}
    {%- endif -%}
    {{ return(
        key ~ ' in (select ' ~ key ~ ' from ' ~ source('raw', stream) ~ ' where ' ~ landed_lately(stream) ~ ')'
    ) }}
{%- endmacro %}

{#- One row: the newest version of `stream` that was loaded at least a day before the newest load of all, or 0. -#}
{% macro version_a_day_ago(stream) -%}
    {%- set loads = source('raw', '_loads') -%}
    {%- set loaded_at = epoch_microseconds(to_utc('loaded_at')) -%}
    select coalesce(max(version), 0)
    from {{ loads }}
    where stream = '{{ stream }}' and {{ loaded_at }} < (select max({{ loaded_at }}) - 86400000000 from {{ loads }})
{%- endmacro %}

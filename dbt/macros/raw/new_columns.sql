{#- Columns that the source has gained since a staging model was written: the loader adds them to RAW, and staging shows
    them under their own names until somebody maps them. -#}

{#- The columns of RAW that the model does not map by hand, as lines of a SELECT, each with its comma. `mapped` names
    the columns that it does map; add a newly mapped column there. Instants become UTC as everywhere in staging. A name
    that the model or a snapshot of it already has is shown as source_<name>, and a backslash as _, because Snowflake's
    driver, by which dbt splits its SQL into statements, takes a backslash for an escape even within a quoted name. -#}
{% macro new_columns(stream, mapped=none) -%}
    {%- if execute and mapped is none -%}
        {{ exceptions.raise_compiler_error(
            "new_columns('" ~ stream ~ "') does not say which columns of RAW " ~ model.name ~ " maps by hand: give it "
            ~ "mapped=['...'], or mapped=[] where it maps none. Else those would be there twice."
        ) }}
    {%- endif -%}
    {%- set relation = source('raw', stream) if execute and flags.INTROSPECT else none -%}
    {#- The rows of a unit test are in no schema. -#}
    {%- if relation is not none and relation.schema is not none
        and adapter.get_relation(relation.database, relation.schema, relation.identifier) -%}
        {%- set hand_mapped = mapped | map('lower') | list -%}
        {%- set taken = model.columns.keys() | map('lower') | list -%}
        {%- set new = [] -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {%- set name = plain_name(column) -%}
            {%- if name | lower not in hand_mapped and not is_bookkeeping(name) -%}
                {%- do new.append(column) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set free = [] -%}
        {%- for column in new -%}
            {%- set name = plain_name(column) | replace('\\', '_') | lower -%}
            {%- do free.append(name) if name not in taken and not name.startswith('dbt_') -%}
        {%- endfor -%}
        {%- for column in new -%}
            {%- set name = plain_name(column) -%}
            {%- set shown = name | replace('\\', '_') -%}
            {%- set shown = shown if shown | lower in free and shown | lower not in taken else free_name(shown, taken + free) -%}
            {%- do taken.append(shown | lower) -%}
            {%- set value = to_utc(quoted(name)) if is_instant(column.data_type) else quoted(name) -%}
        {{ value }} as {{ quoted(shown) }},
        {% endfor -%}
    {%- endif -%}
{%- endmacro %}

{#- `name` with as many prefixes source_ as are needed so that it is not in `taken`. -#}
{% macro free_name(name, taken) -%}
    {%- set shown = 'source_' ~ name -%}
    {{ return(free_name(shown, taken) if shown | lower in taken else shown) }}
{%- endmacro %}

{% macro is_bookkeeping(name) -%}
    {{ return(name | lower in ['_batch_id', '_log_version', '_row_number', '_extracted_at']) }}
{%- endmacro %}

{% macro is_instant(data_type) -%}
    {{ return(data_type | upper in ['TIMESTAMP WITH TIME ZONE', 'TIMESTAMPTZ', 'TIMESTAMP_TZ']) }}
{%- endmacro %}

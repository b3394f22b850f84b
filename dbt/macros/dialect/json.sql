{#- JSON is stored in text columns. A path is dotted, such as 'link.sku'. A member that no contract lists may be given
    twice: Snowflake refuses the whole text for that, unless 'd' says otherwise. -#}

{#- The value at a path as text; null where it is absent or JSON's null. Objects and arrays come as JSON text. -#}
{% macro json_text(column, path) -%}
    {{ return(adapter.dispatch('json_text')(column, path)) }}
{%- endmacro %}

{% macro duckdb__json_text(column, path) -%}
    {{ return("json_extract_string(" ~ column ~ ", '$." ~ path ~ "')") }}
{%- endmacro %}

{% macro snowflake__json_text(column, path) -%}
    {{ return("cast(get_path(parse_json(" ~ column ~ ", 'd'), '" ~ path ~ "') as varchar)") }}
{%- endmacro %}


{#- A text as a JSON string, with its quotes. -#}
{% macro json_quoted(text) -%}
    {{ return(adapter.dispatch('json_quoted')(text)) }}
{%- endmacro %}

{% macro duckdb__json_quoted(text) -%}
    {{ return("cast(to_json(" ~ text ~ ") as varchar)") }}
{%- endmacro %}

{% macro snowflake__json_quoted(text) -%}
    {{ return("to_json(cast(" ~ text ~ " as variant))") }}
{%- endmacro %}


{#- The number of elements in the array at a path; null if there is no array. -#}
{% macro json_array_size(column, path) -%}
    {{ return(adapter.dispatch('json_array_size')(column, path)) }}
{%- endmacro %}

{% macro duckdb__json_array_size(column, path) -%}
    {%- set value = "json_extract(" ~ column ~ ", '$." ~ path ~ "')" -%}
    {{ return("case when json_type(" ~ value ~ ") = 'ARRAY' then cast(json_array_length(" ~ value ~ ") as bigint) end") }}
{%- endmacro %}

{% macro snowflake__json_array_size(column, path) -%}
    {{ return("cast(array_size(get_path(parse_json(" ~ column ~ ", 'd'), '" ~ path ~ "')) as bigint)") }}
{%- endmacro %}


{#- One row for each text element of an array, in the column `element`, with the columns `kept` of `relation`. `column`
    holds the array as JSON text. Other elements are left out. -#}
{% macro json_texts(relation, column, kept) -%}
    {{ return(adapter.dispatch('json_texts')(relation, column, kept)) }}
{%- endmacro %}

{% macro duckdb__json_texts(relation, column, kept) -%}
    select {{ kept | join(', ') }}, json_extract_string(member, '$') as element
    from (
        select {{ kept | join(', ') }}, unnest(cast(json_extract({{ column }}, '$[*]') as json[])) as member
        from {{ relation }}
    ) as members
    where json_type(member) = 'VARCHAR'
{%- endmacro %}

{% macro snowflake__json_texts(relation, column, kept) -%}
    select {% for name in kept %}arrays.{{ name }}, {% endfor %}cast(member.value as varchar) as element
    from {{ relation }} as arrays, lateral flatten(input => parse_json(arrays.{{ column }}, 'd'), mode => 'ARRAY') as member
    where is_varchar(member.value)
{%- endmacro %}

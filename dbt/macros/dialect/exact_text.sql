{#- Numbers in text, read exactly or not at all: null for a text that is no number in plain digits, and for a number
    that the type does not hold to its last digit. A plain try_cast rounds 12.345, and accepts 1e3, 1_000 and blanks in
    one warehouse and perhaps not in the other. The contracts refuse records whose numbers would be null here. -#}

{#- Text as numeric(precision, scale). -#}
{% macro exact_decimal(text, precision, scale) -%}
    {%- set before = precision - scale -%}
    {%- set digits = '-?0{0,9}[0-9]{' ~ [before, 1] | min ~ ',' ~ before ~ '}' -%}
    {%- set digits = digits ~ '([.][0-9]{1,' ~ scale ~ '}0{0,9})?' if scale else digits -%}
    {{ return(
        "case when " ~ matches_whole(text, digits) ~ " then try_cast(" ~ text ~ " as numeric(" ~ precision ~ ", " ~ scale ~ ")) end"
    ) }}
{%- endmacro %}

{#- Text as an integer of 32 bits. A fraction that consists of zeros is ignored. -#}
{% macro whole_number(text) -%}
    {%- set number = "try_cast(" ~ text ~ " as numeric(38, 0))" -%}
    {{ return(
        "case when " ~ matches_whole(text, '-?0{0,9}[0-9]{1,10}([.]0{1,9})?')
        ~ " and " ~ number ~ " between -2147483648 and 2147483647 then cast(" ~ number ~ " as integer) end"
    ) }}
{%- endmacro %}

{#- Whether a regular expression matches all of a text. -#}
{% macro matches_whole(text, pattern) -%}
    {{ return(adapter.dispatch('matches_whole')(text, pattern)) }}
{%- endmacro %}

{% macro duckdb__matches_whole(text, pattern) -%}
    {{ return("regexp_full_match(" ~ text ~ ", '" ~ pattern ~ "')") }}
{%- endmacro %}

{% macro snowflake__matches_whole(text, pattern) -%}
    {{ return("regexp_like(" ~ text ~ ", '" ~ pattern ~ "')") }}
{%- endmacro %}

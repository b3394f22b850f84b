{#- Text as an integer of 32 bits; null where it is not a whole number, or a greater one. A plain try_cast would round
    12.5, and knows no such limit in Snowflake. -#}
{% macro whole_number(text) -%}
    {%- set exact = "try_cast(" ~ text ~ " as numeric(38, 9))" -%}
    {%- set integer = "try_cast(" ~ text ~ " as integer)" -%}
    {{ return(
        "case when " ~ exact ~ " = " ~ integer ~ " and " ~ exact ~ " between -2147483648 and 2147483647 then " ~ integer ~ " end"
    ) }}
{%- endmacro %}

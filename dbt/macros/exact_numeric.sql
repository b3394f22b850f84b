{#- A number as numeric(precision, scale), for a mart that promises that type over a source that may be widened: exact,
    or null if it does not fit. A plain cast would round, or fail for ever. assert_numbers_fit_the_marts warns of
    numbers that do not fit. -#}
{% macro exact_numeric(expression, precision, scale) -%}
    {{ return(
        "case when " ~ fits_numeric(expression, precision, scale)
        ~ " then cast(" ~ expression ~ " as numeric(" ~ precision ~ ", " ~ scale ~ ")) end"
    ) }}
{%- endmacro %}

{#- Whether a number fits numeric(precision, scale); null for null. -#}
{% macro fits_numeric(expression, precision, scale) -%}
    {{ return(
        expression ~ " = round(" ~ expression ~ ", " ~ scale ~ ") and abs(" ~ expression ~ ") < 1" ~ "0" * (precision - scale)
    ) }}
{%- endmacro %}

{#- A number as numeric(precision, scale), for a mart that promises that type over a source that may be widened: exact, or null
    where it does not fit. A plain cast would round, or fail for ever. What does not fit is warned of by
    assert_numbers_fit_the_marts. -#}
{% macro exact_numeric(expression, precision, scale) -%}
    {{ return(
        "case when " ~ fits_numeric(expression, precision, scale)
        ~ " then cast(" ~ expression ~ " as numeric(" ~ precision ~ ", " ~ scale ~ ")) end"
    ) }}
{%- endmacro %}

{#- Whether a number is one of numeric(precision, scale); null for null. -#}
{% macro fits_numeric(expression, precision, scale) -%}
    {{ return(
        expression ~ " = round(" ~ expression ~ ", " ~ scale ~ ") and abs(" ~ expression ~ ") < 1" ~ "0" * (precision - scale)
    ) }}
{%- endmacro %}

{#- A number as numeric(precision, scale), for a mart that promises that type over a source that may be widened:
    exact, or the model fails and names the value. A plain cast would round. -#}
{% macro exact_numeric(expression, precision, scale) -%}
    {{ return(adapter.dispatch('exact_numeric')(expression, precision, scale)) }}
{%- endmacro %}

{% macro duckdb__exact_numeric(expression, precision, scale) -%}
    {%- set type = 'numeric(' ~ precision ~ ', ' ~ scale ~ ')' -%}
    {{ return(
        "case when cast(" ~ expression ~ " as " ~ type ~ ") <> " ~ expression
        ~ " then cast(error('" ~ expression ~ " does not fit " ~ type ~ ": ' || " ~ expression ~ ") as " ~ type ~ ")"
        ~ " else cast(" ~ expression ~ " as " ~ type ~ ") end"
    ) }}
{%- endmacro %}

{#- Snowflake has no function that only fails; a text that is no number does. -#}
{% macro snowflake__exact_numeric(expression, precision, scale) -%}
    {%- set type = 'numeric(' ~ precision ~ ', ' ~ scale ~ ')' -%}
    {{ return(
        "case when cast(" ~ expression ~ " as " ~ type ~ ") <> " ~ expression
        ~ " then cast('" ~ expression ~ " does not fit " ~ type ~ ": ' || " ~ expression ~ " as " ~ type ~ ")"
        ~ " else cast(" ~ expression ~ " as " ~ type ~ ") end"
    ) }}
{%- endmacro %}

{#- The key of the customer that a line points to where its own is missing: not landed yet, or erased. Of an erased
    person not even the identifier may stay, so unlike products, warehouses and campaigns a customer is never inferred. -#}
{% macro unknown_key() -%}
    {{ return("'unknown'") }}
{%- endmacro %}

{#- The ends of SCD2 validity. Closed by dates rather than nulls, so that `between`-like joins need no special case. -#}
{% macro beginning_of_time() -%}
    {{ return(utc_timestamp('1900-01-01 00:00:00')) }}
{%- endmacro %}

{% macro end_of_time() -%}
    {{ return(utc_timestamp('9999-12-31 00:00:00')) }}
{%- endmacro %}

{#- A time as the histories have it: what lies outside of them counts as their first or last second. -#}
{% macro in_history(timestamp) -%}
    {{ return(
        "greatest(least(" ~ timestamp ~ ", " ~ utc_timestamp('9999-12-30 23:59:59') ~ "), " ~ beginning_of_time() ~ ")"
    ) }}
{%- endmacro %}

{#- Whether a version of a history holds at the end of a day: one does, of each key. A day outside of the histories counts as
    their first or last. -#}
{% macro holds_at_end_of(day, versions) -%}
    {%- set day = "greatest(least(" ~ day ~ ", cast('9999-12-30' as date)), cast('1900-01-01' as date))" -%}
    {{ return(
        "cast(" ~ versions ~ ".valid_from as date) <= " ~ day ~ " and cast(" ~ versions ~ ".valid_to as date) > " ~ day
    ) }}
{%- endmacro %}

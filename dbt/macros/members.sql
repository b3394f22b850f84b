{#- The key of the customer for a line without one, because the customer has not landed yet, or was erased. Of an erased
    person not even the identifier may stay, so unlike products, warehouses and campaigns a customer is never inferred.
    -#}
{% macro unknown_key() -%}
    {{ return("'unknown'") }}
{%- endmacro %}

{#- The ends of SCD2 validity. They are dates rather than nulls, so that `between`-like joins need no special case. -#}
{% macro beginning_of_time() -%}
    {{ return(utc_timestamp('1900-01-01 00:00:00')) }}
{%- endmacro %}

{% macro end_of_time() -%}
    {{ return(utc_timestamp('9999-12-31 00:00:00')) }}
{%- endmacro %}

{#- A time within the histories: a time outside of them counts as their first or last second. -#}
{% macro in_history(timestamp) -%}
    {{ return(
        "greatest(least(" ~ timestamp ~ ", " ~ utc_timestamp('9999-12-30 23:59:59') ~ "), " ~ beginning_of_time() ~ ")"
    ) }}
{%- endmacro %}

{#- Whether a version of a history is valid at the end of a day. Exactly one version of each key is. A day outside of
    the histories counts as their first or last. -#}
{% macro holds_at_end_of(day, versions) -%}
    {%- set day = "greatest(least(" ~ day ~ ", cast('9999-12-30' as date)), cast('1900-01-01' as date))" -%}
    {{ return(
        "cast(" ~ versions ~ ".valid_from as date) <= " ~ day ~ " and cast(" ~ versions ~ ".valid_to as date) > " ~ day
    ) }}
{%- endmacro %}

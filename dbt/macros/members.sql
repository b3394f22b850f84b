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

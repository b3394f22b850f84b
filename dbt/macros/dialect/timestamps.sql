{#- Instants leave RAW as timestamps without zone, always UTC: the one kind that both warehouses compare alike. -#}

{#- A timestamptz expression as a UTC timestamp without zone. -#}
{% macro to_utc(instant) -%}
    {{ return(adapter.dispatch('to_utc')(instant)) }}
{%- endmacro %}

{% macro duckdb__to_utc(instant) -%}
    {{ return("(" ~ instant ~ " at time zone 'UTC')") }}
{%- endmacro %}

{% macro snowflake__to_utc(instant) -%}
    {{ return("cast(convert_timezone('UTC', cast(" ~ instant ~ " as timestamp_tz)) as timestamp_ntz)") }}
{%- endmacro %}


{#- ISO 8601 text with an offset as a UTC timestamp without zone; null where it is not one. -#}
{% macro text_to_utc(iso_text) -%}
    {{ return(adapter.dispatch('text_to_utc')(iso_text)) }}
{%- endmacro %}

{% macro duckdb__text_to_utc(iso_text) -%}
    {{ return("(try_cast(" ~ iso_text ~ " as timestamptz) at time zone 'UTC')") }}
{%- endmacro %}

{#- Not to_timestamp_ntz(), which drops the offset. -#}
{% macro snowflake__text_to_utc(iso_text) -%}
    {{ return("cast(convert_timezone('UTC', try_cast(" ~ iso_text ~ " as timestamp_tz)) as timestamp_ntz)") }}
{%- endmacro %}


{#- The time that dbt gives to a deletion found by a snapshot. dbt's own is the session's local time. -#}
{% macro duckdb__snapshot_get_time() -%}
    (current_timestamp at time zone 'UTC')
{%- endmacro %}

{% macro snowflake__snapshot_get_time() -%}
    cast(convert_timezone('UTC', current_timestamp()) as timestamp_ntz)
{%- endmacro %}

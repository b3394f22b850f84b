{#- Instants leave RAW as timestamps without zone, always in UTC: the only type that both warehouses compare alike. -#}

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


{#- ISO 8601 text with an offset as a UTC timestamp without zone; null for any other text. RFC 3339 allows a lower-case
    `t` and `z`, which neither warehouse reads. -#}
{% macro text_to_utc(iso_text) -%}
    {{ return(adapter.dispatch('text_to_utc')(iso_text)) }}
{%- endmacro %}

{% macro duckdb__text_to_utc(iso_text) -%}
    {{ return("(try_cast(upper(" ~ iso_text ~ ") as timestamptz) at time zone 'UTC')") }}
{%- endmacro %}

{#- Not to_timestamp_ntz(), which drops the offset. By default Snowflake takes digits for seconds since 1970, accepts
    other spellings than ISO's, and reads a text without an offset in the session's time zone: here it is UTC, as in
    DuckDB. -#}
{% macro snowflake__text_to_utc(iso_text) -%}
    {%- set iso_text = 'upper(' ~ iso_text ~ ')' -%}
    {%- set day = '[0-9]{4}-[0-9]{2}-[0-9]{2}' -%}
    {%- set time = day ~ '[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?' -%}
    {%- set offset = '(Z|[+-][0-9]{2}(:?[0-9]{2})?)' -%}
    {{ return(
        "cast(convert_timezone('UTC', case"
        ~ " when regexp_like(" ~ iso_text ~ ", '" ~ time ~ offset ~ "') then try_cast(" ~ iso_text ~ " as timestamp_tz)"
        ~ " when regexp_like(" ~ iso_text ~ ", '" ~ time ~ "') then try_cast(" ~ iso_text ~ " || '+00:00' as timestamp_tz)"
        ~ " when regexp_like(" ~ iso_text ~ ", '" ~ day ~ "') then try_cast(" ~ iso_text ~ " || ' 00:00:00+00:00' as timestamp_tz)"
        ~ " end) as timestamp_ntz)"
    ) }}
{%- endmacro %}


{#- A timestamp literal, such as '2026-03-01 00:00:00'. -#}
{% macro utc_timestamp(text) -%}
    {{ return(adapter.dispatch('utc_timestamp')(text)) }}
{%- endmacro %}

{% macro duckdb__utc_timestamp(text) -%}
    {{ return("cast('" ~ text ~ "' as timestamp)") }}
{%- endmacro %}

{#- Not `timestamp`, which an account may map to another type (TIMESTAMP_TYPE_MAPPING). -#}
{% macro snowflake__utc_timestamp(text) -%}
    {{ return("cast('" ~ text ~ "' as timestamp_ntz)") }}
{%- endmacro %}


{#- Microseconds since 1970 of a UTC timestamp, as an integer. It prints alike in both warehouses, whatever the session.
    -#}
{% macro epoch_microseconds(timestamp) -%}
    {{ return(adapter.dispatch('epoch_microseconds')(timestamp)) }}
{%- endmacro %}

{% macro duckdb__epoch_microseconds(timestamp) -%}
    {{ return("epoch_us(" ~ timestamp ~ ")") }}
{%- endmacro %}

{% macro snowflake__epoch_microseconds(timestamp) -%}
    {{ return("date_part(epoch_microsecond, " ~ timestamp ~ ")") }}
{%- endmacro %}


{#- The local time in a time zone at a UTC timestamp. -#}
{% macro at_time_zone(timestamp, zone) -%}
    {{ return(adapter.dispatch('at_time_zone')(timestamp, zone)) }}
{%- endmacro %}

{% macro duckdb__at_time_zone(timestamp, zone) -%}
    {{ return("((" ~ timestamp ~ " at time zone 'UTC') at time zone '" ~ zone ~ "')") }}
{%- endmacro %}

{% macro snowflake__at_time_zone(timestamp, zone) -%}
    {{ return("convert_timezone('UTC', '" ~ zone ~ "', " ~ timestamp ~ ")") }}
{%- endmacro %}


{#- The time that dbt gives to a deletion found by a snapshot. dbt's own macro uses the session's local time. -#}
{% macro duckdb__snapshot_get_time() -%}
    (current_timestamp at time zone 'UTC')
{%- endmacro %}

{% macro snowflake__snapshot_get_time() -%}
    cast(convert_timezone('UTC', current_timestamp()) as timestamp_ntz)
{%- endmacro %}

{#- The run's day as a date literal: the UTC day of the environment variable BUSINESS_NOW (RFC 3339) if it is set, else
    of dbt's start. It is one day for the whole run, so that models built on either side of midnight agree. -#}
{% macro business_day() -%}
    {{ return("cast('" ~ business_moment().astimezone(modules.pytz.utc).strftime('%Y-%m-%d') ~ "' as date)") }}
{%- endmacro %}

{#- The first moment after the run's day, in UTC. -#}
{% macro end_of_business_day() -%}
    {{ return("cast(" ~ dbt.dateadd('day', 1, business_day()) ~ " as timestamp)") }}
{%- endmacro %}

{#- The run's day for the shop, in the time zone `shop_time_zone`. -#}
{% macro local_business_day() -%}
    {%- set moment = business_moment().astimezone(modules.pytz.timezone(shop_time_zone())) -%}
    {{ return("cast('" ~ moment.strftime('%Y-%m-%d') ~ "' as date)") }}
{%- endmacro %}

{#- The run's moment, with its zone. -#}
{% macro business_moment() -%}
    {#- Read only while dbt runs: if dbt reads a variable while it parses, it parses everything again after the variable
        changed. -#}
    {%- set now = (env_var('BUSINESS_NOW', '') if execute else '') | trim | upper -%}
    {%- if not now -%}
        {{ return(run_started_at) }}
    {%- elif modules.re.fullmatch('\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})', now) -%}
        {{ return(modules.datetime.datetime.fromisoformat(now)) }}
    {%- endif -%}
    {{ exceptions.raise_compiler_error(
        "BUSINESS_NOW is '" ~ now ~ "': it must be a moment with its zone, such as 2028-02-29T23:58:00Z, or empty."
    ) }}
{%- endmacro %}

{#- The var `shop_time_zone`, an IANA name. -#}
{% macro shop_time_zone() -%}
    {%- set zone = var('shop_time_zone') | string -%}
    {%- if zone not in modules.pytz.all_timezones -%}
        {{ exceptions.raise_compiler_error(
            "The var shop_time_zone is '" ~ zone ~ "': it must be a name of the IANA's, such as Europe/Amsterdam."
        ) }}
    {%- endif -%}
    {{ return(zone) }}
{%- endmacro %}

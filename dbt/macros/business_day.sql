{#- The run's day, a date literal: the UTC day of the environment variable BUSINESS_NOW (RFC 3339) where it is given, else
    that of dbt's start. One day for the whole run, so that models built on either side of midnight agree. -#}
{% macro business_day() -%}
    {#- Read only to run: what dbt reads while it parses, it parses all anew for, once it has changed. -#}
    {%- set now = (env_var('BUSINESS_NOW', '') if execute else '') | trim | upper -%}
    {%- if not now -%}
        {%- set moment = run_started_at -%}
    {%- elif modules.re.fullmatch('\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})', now) -%}
        {%- set moment = modules.datetime.datetime.fromisoformat(now) -%}
    {%- else -%}
        {{ exceptions.raise_compiler_error(
            "BUSINESS_NOW is '" ~ now ~ "': it must be a moment with its zone, such as 2028-02-29T23:58:00Z, or empty."
        ) }}
    {%- endif -%}
    {{ return("cast('" ~ moment.astimezone(modules.pytz.utc).strftime('%Y-%m-%d') ~ "' as date)") }}
{%- endmacro %}

{#- A query for the day up to which both orders and e-mail events have landed, at most the run's: what is younger than a
    window before it may still change. Where either has not landed at all, it is the day before the calendar. -#}
{% macro landed_until() -%}
    select least(
        {{ business_day() }},
        coalesce(
            (
                select cast(max(placed_at) as date) from {{ ref('int_orders') }}
                where placed_at < {{ end_of_business_day() }}
            ),
            {{ day_before_calendar() }}
        ),
        coalesce(
            (
                select cast(max(received_at) as date) from {{ ref('int_email_events') }}
                where received_at < {{ end_of_business_day() }}
            ),
            {{ day_before_calendar() }}
        )
    ) as until_day
{%- endmacro %}

{#- Whether the window of `days` days after a day is over: the whole last one lies before `until`. Null counts as open. -#}
{% macro window_is_over(day, days, until) -%}
    {{ return("coalesce(" ~ day ~ " < " ~ dbt.dateadd('day', -(days | int), until) ~ ", false)") }}
{%- endmacro %}

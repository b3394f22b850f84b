{#- A query for the last day up to which both orders and e-mail events have landed, at most the run's day. Days younger
    than a window before it may still change. If either has not landed at all, it is the day before the calendar. -#}
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

{#- Whether the window of `days` days after a day is closed: its last day lies completely before `until`. Null counts as
    open. -#}
{% macro window_is_over(day, days, until) -%}
    {{ return("coalesce(" ~ day ~ " < " ~ dbt.dateadd('day', -(days | int), until) ~ ", false)") }}
{%- endmacro %}

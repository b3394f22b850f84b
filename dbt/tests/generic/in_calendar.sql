{#- The date of a fact is a day of the calendar, and not the member for what is dated outside of it. -#}
{% test in_calendar(model, column_name) %}

select *
from {{ model }}
where {{ column_name }} in ({{ day_before_calendar() }}, {{ day_after_calendar() }})

{% endtest %}

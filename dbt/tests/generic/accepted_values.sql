{#- In place of dbt's test of this name: the rows of each value that is none of those, null apart, among those that new_rows_alone()
    says. -#}
{% test accepted_values(model, column_name, values) %}

select {{ column_name }}, count(*) as row_count
from {{ model }}
where {{ column_name }} not in ('{{ values | join("', '") }}') and {{ new_rows_alone() }}
group by {{ column_name }}

{% endtest %}

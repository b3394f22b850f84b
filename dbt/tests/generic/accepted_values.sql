{#- In place of dbt's test of this name: the rows of each value that is none of those, null apart, among those that new_rows_alone()
    says. -#}
{% test accepted_values(model, column_name, values) %}
{%- set literals = [] -%}
{%- for value in values -%}
    {%- do literals.append(string_literal(value)) -%}
{%- endfor %}

select {{ column_name }}, count(*) as row_count
from {{ model }}
where {{ column_name }} not in ({{ literals | join(', ') }}) and {{ new_rows_alone() }}
group by {{ column_name }}

{% endtest %}

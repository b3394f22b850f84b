{#- The columns are never null and identify a row. One scan, where `unique` and `not_null` take two or more. -#}
{% test primary_key(model, columns) %}

select {{ columns | join(', ') }}, count(*) as row_count
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1 or {{ columns | join(' is null or ') }} is null

{% endtest %}

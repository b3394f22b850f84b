{#- None of the columns is ever null. One scan for all of them, of the rows that new_rows_alone() says. -#}
{% test never_null(model, columns) %}

select *
from {{ model }}
where ({{ columns | join(' is null or ') }} is null) and {{ new_rows_alone() }}

{% endtest %}

{#- None of the columns is ever null. One scan for all of them. -#}
{% test never_null(model, columns) %}

select *
from {{ model }}
where {{ columns | join(' is null or ') }} is null

{% endtest %}

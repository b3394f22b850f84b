{#- Every row's parent exists, rows of the last day excepted: a parent that changed at the very moment of a run lands
    with the next run, one run after its child. Nothing is asked of a parent stream that has not landed at all.
    `recorded_at` is when the child was recorded. -#}
{% test settled_relationship(model, column_name, to, field, recorded_at) %}

with newest as (
    select {{ dbt.dateadd('day', -1, 'max(' ~ recorded_at ~ ')') }} as settled_before from {{ model }}
)

select child.{{ column_name }}
from {{ model }} as child
inner join newest on child.{{ recorded_at }} < newest.settled_before
left join {{ to }} as parent on parent.{{ field }} = child.{{ column_name }}
where child.{{ column_name }} is not null
    and parent.{{ field }} is null
    and (select count(*) from {{ to }}) > 0

{% endtest %}

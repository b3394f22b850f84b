{#- The parent that a row names has landed, whether it was deleted since or not. `stream` is the parent's, `field` its key,
    `recorded_at` when the child was recorded. Children of the last day are left out: a parent that changed at the very
    moment of a run lands with the next one. Nothing is asked of a stream that has not landed at all.

    Not against the parent's staging view: a parent deleted at the moment of a run is gone from it one run before the
    children that went, or were detached, with it. -#}
{% test parent_has_landed(model, column_name, stream, field, recorded_at) %}

with newest as (
    select {{ dbt.dateadd('day', -1, 'max(' ~ recorded_at ~ ')') }} as settled_before from {{ model }}
),

parents as (
    select distinct {{ field }} from {{ source('raw', stream) }}
)

select child.{{ column_name }}
from {{ model }} as child
inner join newest on child.{{ recorded_at }} < newest.settled_before
left join parents on parents.{{ field }} = child.{{ column_name }}
where child.{{ column_name }} is not null
    and parents.{{ field }} is null
    and (select count(*) from parents) > 0

{% endtest %}

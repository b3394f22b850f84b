{#- The parent that a row names has landed, whether it was deleted since or not. `stream` is the parent's, `field` its key.

    A parent that changed at the very moment of a run lands with a later one, and maybe after its children. So only
    children are judged that were extracted before `landed_until`, the newest value of that column of the parent's
    stream: its cursor, or _extracted_at where it is landed whole.
    Not against the parent's staging view: a parent deleted at the moment of a run is gone from it one run before the
    children that went, or were detached, with it. -#}
{% test parent_has_landed(model, column_name, stream, field, landed_until='updated_at') %}

with parents as (
    select distinct {{ field }} from {{ source('raw', stream) }}
),

landed as (
    select {{ to_utc('max(' ~ landed_until ~ ')') }} as landed_until from {{ source('raw', stream) }}
)

select child.{{ column_name }}
from {{ model }} as child
inner join landed on child._extracted_at <= landed.landed_until
left join parents on parents.{{ field }} = child.{{ column_name }}
where child.{{ column_name }} is not null and parents.{{ field }} is null

{% endtest %}

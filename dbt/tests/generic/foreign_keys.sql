{#- Each value of a column that the model declares as a foreign key is in the column that it refers to. One scan for all of
    them, of the rows that new_rows_alone() says; `foreign_key` is the first column of a row that refers to nothing. -#}
{% test foreign_keys(model) %}
{%- set keys = declared_foreign_keys() %}

select
    child.*,
    case
        {%- for key in keys %}
        when child.{{ key.column }} is not null and parent_{{ loop.index }}.{{ key.field }} is null then '{{ key.column }}'
        {%- endfor %}
    end as foreign_key
from (
    select {{ keys | map(attribute='column') | join(', ') }}
    from {{ model }}
    where {{ new_rows_alone() }}
) as child
{%- for key in keys %}
left join {{ key.parent }} as parent_{{ loop.index }} on parent_{{ loop.index }}.{{ key.field }} = child.{{ key.column }}
{%- endfor %}
where
    {%- for key in keys %}
    {{ 'or ' if not loop.first }}(child.{{ key.column }} is not null and parent_{{ loop.index }}.{{ key.field }} is null)
    {%- endfor %}

{% endtest %}

{#- The columns are never null and identify a row. One scan, where `unique` and `not_null` take two or more. Of new rows alone
    (new_rows_alone) a key is counted in the whole model. What has none is looked for apart: a warehouse knows which parts of a table
    hold nulls, and reads no other. -#}
{% test primary_key(model, columns) %}
{%- set condition = new_rows_alone() %}

select {{ columns | join(', ') }}, count(*) as row_count
from {{ model }}
{%- if condition != 'true' %}
where {{ columns[0] }} in (select {{ columns[0] }} from {{ model }} where {{ condition }})
{%- endif %}
group by {{ columns | join(', ') }}
having count(*) > 1 or {{ columns | join(' is null or ') }} is null
{%- if condition != 'true' %}

union all

select {{ columns | join(', ') }}, count(*)
from {{ model }}
where {{ columns[0] }} is null
group by {{ columns | join(', ') }}
{%- endif %}

{% endtest %}

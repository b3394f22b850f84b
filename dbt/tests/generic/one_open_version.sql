{#- A snapshot has exactly one version without an end per key, and none that ends before it begins. -#}
{% test one_open_version(model, key) %}

select {{ key | join(', ') }}
from {{ model }}
group by {{ key | join(', ') }}
having sum(case when dbt_valid_to is null then 1 else 0 end) <> 1
    or max(case when dbt_valid_to < dbt_valid_from then 1 else 0 end) = 1

{% endtest %}

select n * 2 as n from {{ ref('numbers') }}
{% if env_var('BREAK', '') == 'sql' %} where nonsense {% endif %}

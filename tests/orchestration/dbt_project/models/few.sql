select n from {{ ref('numbers') }} {% if env_var('BREAK', '') != 'sql' %} where n = 0 {% endif %}

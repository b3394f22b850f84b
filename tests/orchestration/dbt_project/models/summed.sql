{% if env_var('BREAK', '') == 'slow' %}
-- Some minutes' work, so that a test can stop it in the middle.
select count(*) as n from range(10000000) a, range(1000000) b where (a.range * b.range) % 7 = 3
{% else %}
select sum(n) as n from {{ ref('doubled') }}
{% endif %}

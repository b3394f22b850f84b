{{ config(materialized='table', post_hook="{{ log('row_count=3') }}") }}
select range as n, '{{ env_var("EMAIL_SALT") }}' as salt from range(3)

{{ config(enabled=env_var('WITH_RAW', '') == 'yes', materialized='table') }}
select * from {{ source('raw', 'warehouses') }}

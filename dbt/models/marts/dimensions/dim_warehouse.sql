select
    {{ surrogate_key(['warehouse_id']) }} as warehouse_key,
    cast(warehouse_id as bigint) as warehouse_id,
    warehouse_code,
    warehouse_name,
    city,
    country,
    opened_on
from {{ ref('stg_warehouses') }}

with

versions as (
    {{ history('warehouses', warehouses_columns()) }}
)

select
    {{ surrogate_key('warehouse_history', ['warehouse_id', epoch_microseconds('valid_from')]) }} as warehouse_version_key,
    cast(warehouse_id as bigint) as warehouse_id,
    version_number,
    warehouse_code,
    warehouse_name,
    city,
    country,
    {{ calendar_member('opened_on') }} as opened_on,
    is_deleted,
    valid_from,
    valid_to,
    is_current
from versions

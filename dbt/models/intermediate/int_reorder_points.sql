{%- set columns = {
    'warehouse_id': 'warehouse_id',
    'product_id': 'product_id',
    'reorder_point': 'reorder_point',
    'updated_at': to_utc('updated_at'),
} -%}

with

versions as (
    {{ history('stock_levels', columns, tracked=['reorder_point']) }}
)

select
    warehouse_id,
    product_id,
    version_number,
    reorder_point,
    valid_from,
    valid_to,
    _log_version
from versions

{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='movement_id',
    post_hook="{{ cluster_by('movement_date') }}",
) }}

select
    movement_id,
    {{ calendar_day('moved_on') }} as movement_date,
    {{ surrogate_key('warehouse', ['warehouse_id']) }} as warehouse_key,
    product_id,
    order_id,
    reason,
    cast(quantity as bigint) as quantity,
    moved_at,
    created_at as recorded_at,
    _log_version
from {{ ref('int_stock_ledger') }}
{%- if is_incremental() %}
where _log_version > (select coalesce(max(_log_version), 0) from {{ this }})
    or movement_id in (
        select movement_id from {{ this }} where {{ calendar_has_moved('movement_date', 'cast(moved_at as date)') }}
    )
{%- endif %}

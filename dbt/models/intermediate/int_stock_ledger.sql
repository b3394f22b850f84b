{{ config(materialized='incremental', incremental_strategy='merge', unique_key='movement_id') }}

with

new_rows as (
    {{ new_rows('stock_movements', stock_movements_columns()) }}
),

{% if is_incremental() -%}
-- A late movement shifts every later balance of its warehouse and product, so those are computed again.
known_rows as (
    select known.*
    from {{ this }} as known
    inner join (select distinct warehouse_id, product_id from new_rows) as touched
        on touched.warehouse_id = known.warehouse_id and touched.product_id = known.product_id
    left join new_rows on new_rows.movement_id = known.movement_id
    where new_rows.movement_id is null
),
{%- endif %}

movements as (
    select {{ stock_movements_columns() | join(', ') }}, _log_version
    from new_rows
    {%- if is_incremental() %}
    union all
    select {{ stock_movements_columns() | join(', ') }}, _log_version
    from known_rows
    {%- endif %}
)

select
    movement_id,
    warehouse_id,
    product_id,
    reason,
    order_id,
    moved_at,
    cast(moved_at as date) as moved_on,
    created_at,
    quantity,
    cast(
        sum(quantity) over (
            partition by warehouse_id, product_id
            order by moved_at, movement_id
            rows between unbounded preceding and current row
        ) as bigint
    ) as balance_after,
    _log_version
from movements

{{ config(materialized='incremental', incremental_strategy='merge', unique_key='movement_id') }}

with

new_rows as (
    {{ new_rows('stock_movements', stock_movements_columns()) }}
),

{% if is_incremental() -%}
-- A late movement shifts every later balance of its warehouse and product, so those are computed again; so does one that has landed
-- again, from where it stood before.
touched as (
    select warehouse_id, product_id, min(moved_at) as first_moved_at
    from (
        select warehouse_id, product_id, moved_at from new_rows
        union all
        select known.warehouse_id, known.product_id, known.moved_at
        from {{ this }} as known
        inner join new_rows on new_rows.movement_id = known.movement_id
    ) as positions
    group by warehouse_id, product_id
),

known as (
    select
        ledger.*,
        coalesce(ledger.moved_at < touched.first_moved_at, false) as is_before
    from {{ this }} as ledger
    inner join touched on touched.warehouse_id = ledger.warehouse_id and touched.product_id = ledger.product_id
),

opening as (
    select warehouse_id, product_id, sum(quantity) as balance
    from known
    where is_before
    group by warehouse_id, product_id
),

known_rows as (
    select known.*
    from known
    left join new_rows on new_rows.movement_id = known.movement_id
    where not known.is_before and new_rows.movement_id is null
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
    movements.movement_id,
    movements.warehouse_id,
    movements.product_id,
    movements.reason,
    movements.order_id,
    movements.moved_at,
    cast(movements.moved_at as date) as moved_on,
    movements.created_at,
    movements.quantity,
    cast(
        {% if is_incremental() %}coalesce(opening.balance, 0) + {% endif -%}
        sum(movements.quantity) over (
            partition by movements.warehouse_id, movements.product_id
            order by movements.moved_at, movements.movement_id
            rows between unbounded preceding and current row
        ) as bigint
    ) as balance_after,
    movements._log_version
from movements
{%- if is_incremental() %}
left join opening on opening.warehouse_id = movements.warehouse_id and opening.product_id = movements.product_id
{%- endif %}

{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='movement_id',
    post_hook="{{ cluster_by('movement_date') }}",
) }}

with

products as (
    select * from {{ ref('dim_product') }}
)
{%- if is_incremental() %},

new_rows as (
    select movement_id
    from {{ ref('int_stock_ledger') }}
    where _log_version > (select coalesce(max(_log_version), 0) from {{ this }})
),

-- Movements that were dated after the run's day, and no longer are.
rows_of_moved_days as (
    select movement_id
    from {{ this }}
    where {{ calendar_has_moved('movement_date', 'cast(moved_at as date)') }}
        or {{ local_calendar_has_moved('movement_local_date', 'moved_at') }}
),

-- A product with one version has always had it. A product with several may have got a version that reaches back.
rows_of_other_versions as (
    select known.movement_id
    from {{ this }} as known
    inner join products
        on products.product_id = known.product_id
        and {{ holds_at_end_of('cast(known.moved_at as date)', 'products') }}
    where products.product_key <> known.product_key
        and products.product_id in (select product_id from products where version_number > 1)
),

to_write as (
    select movement_id from new_rows
    union
    select movement_id from rows_of_moved_days
    union
    select movement_id from rows_of_other_versions
)
{%- endif %}

select
    ledger.movement_id,
    {{ calendar_day('ledger.moved_on') }} as movement_date,
    {{ local_calendar_member('ledger.moved_at') }} as movement_local_date,
    {{ surrogate_key('warehouse', ['ledger.warehouse_id']) }} as warehouse_key,
    products.product_key,
    ledger.product_id,
    ledger.order_id,
    ledger.reason,
    cast(ledger.quantity as bigint) as quantity,
    ledger.moved_at,
    ledger.created_at as recorded_at,
    ledger._log_version
from {{ ref('int_stock_ledger') }} as ledger
{%- if is_incremental() %}
inner join to_write on to_write.movement_id = ledger.movement_id
{%- endif %}
left join products
    on products.product_id = ledger.product_id
    and {{ holds_at_end_of('ledger.moved_on', 'products') }}

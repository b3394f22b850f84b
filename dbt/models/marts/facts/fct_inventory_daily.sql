{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['inventory_date', 'warehouse_key', 'product_id'],
    post_hook=["{{ delete_days_out_of_span() }}", "{{ cluster_by('inventory_date') }}", "{{ log_row_count(last=true) }}"],
) }}

with

products as (
    select * from {{ ref('dim_product') }}
),

reorder_points as (
    select {{ surrogate_key('warehouse', ['warehouse_id']) }} as warehouse_key, points.*
    from {{ ref('int_reorder_points') }} as points
),

-- Goods that moved before the calendar's first day are in its opening balance. A movement dated after the run's day has
-- not happened yet.
ledger as (
    select
        {{ surrogate_key('warehouse', ['warehouse_id']) }} as warehouse_key,
        product_id,
        {{ counted_on('moved_on') }} as counted_on,
        case when moved_on >= {{ first_day() }} then quantity else 0 end as moved_quantity,
        quantity,
        _log_version
    from {{ ref('int_stock_ledger') }}
    where {{ counted_on('moved_on') }} <= {{ business_day() }}
),

{% if is_incremental() -%}
processed as (
    select
        coalesce(max(_log_version), 0) as log_version,
        coalesce(max(_products_version), 0) as products_version,
        coalesce(max(_levels_version), 0) as levels_version,
        min(inventory_date) as first_date,
        max(inventory_date) as last_date
    from {{ this }}
),

-- The balances are wrong from the day of the earliest new movement, which may be long ago. They are missing from the
-- first day that is not here yet, which may be long before it. A movement also counts as new if it landed earlier and
-- was dated after the run's day then, or before the project's first day then.
moved_again as (
    select
        ledger.warehouse_key,
        ledger.product_id,
        -- Snowflake's least() is null if one of its arguments is. Here that happens if this table is empty.
        least(
            min(ledger.counted_on),
            coalesce(cast({{ dbt.dateadd('day', 1, 'max(processed.last_date)') }} as date), min(ledger.counted_on))
        ) as first_date
    from ledger
    inner join processed
        on ledger._log_version > processed.log_version
        or ledger.counted_on > processed.last_date
        or ledger.counted_on < processed.first_date
    group by ledger.warehouse_key, ledger.product_id
),

-- The pairs that a counted movement has left for another pair or day: fewer of the counted movements are still there. They are
-- computed again from their first day on.
counted as (
    select known.warehouse_key, known.product_id, known._movement_count
    from {{ this }} as known
    inner join processed on known.inventory_date = least(processed.last_date, {{ business_day() }})
),

still_there as (
    select ledger.warehouse_key, ledger.product_id, count(*) as movement_count
    from ledger
    inner join processed
        on ledger._log_version <= processed.log_version
        and ledger.counted_on <= processed.last_date
    group by ledger.warehouse_key, ledger.product_id
),

pairs_left as (
    select counted.warehouse_key, counted.product_id
    from counted
    left join still_there
        on still_there.warehouse_key = counted.warehouse_key and still_there.product_id = counted.product_id
    where counted._movement_count <> coalesce(still_there.movement_count, 0)
),

-- Products whose price or reorder point may have changed: a version landed, or there are several versions.
revalued_products as (
    select products.product_id
    from products
    cross join processed
    where products._log_version > processed.products_version or products.version_number > 1
    union
    select reorder_points.product_id
    from reorder_points
    cross join processed
    where reorder_points._log_version > processed.levels_version or reorder_points.version_number > 1
),

revalued as (
    select
        known.warehouse_key,
        known.product_id,
        min(known.inventory_date) as first_date
    from {{ this }} as known
    inner join revalued_products on revalued_products.product_id = known.product_id
    inner join products
        on products.product_id = known.product_id
        and {{ holds_at_end_of('known.inventory_date', 'products') }}
    left join reorder_points
        on reorder_points.warehouse_key = known.warehouse_key
        and reorder_points.product_id = known.product_id
        and {{ holds_at_end_of('known.inventory_date', 'reorder_points') }}
    where products.product_key <> known.product_key
        or products._log_version <> known._products_version
        or reorder_points.reorder_point is distinct from known.reorder_point
        or coalesce(reorder_points._log_version, 0) <> known._levels_version
    group by known.warehouse_key, known.product_id
),

touched as (
    select warehouse_key, product_id, min(first_date) as first_date
    from (
        select warehouse_key, product_id, first_date from moved_again
        union all
        select warehouse_key, product_id, first_date from revalued
        union all
        select warehouse_key, product_id, {{ first_day() }} from pairs_left
    ) as reasons
    group by warehouse_key, product_id
),
{%- endif %}

moves_by_day as (
    select
        ledger.warehouse_key,
        ledger.product_id,
        ledger.counted_on,
        sum(case when ledger.moved_quantity > 0 then ledger.moved_quantity else 0 end) as quantity_in,
        -sum(case when ledger.moved_quantity < 0 then ledger.moved_quantity else 0 end) as quantity_out,
        sum(ledger.quantity) as quantity,
        count(*) as movement_count,
        max(ledger._log_version) as _log_version
    from ledger
    {%- if is_incremental() %}
    inner join touched on touched.warehouse_key = ledger.warehouse_key and touched.product_id = ledger.product_id
    {%- endif %}
    group by ledger.warehouse_key, ledger.product_id, ledger.counted_on
),

-- The balance of a day with movements holds until the day before the next one.
periods as (
    select
        warehouse_key,
        product_id,
        counted_on,
        quantity_in,
        quantity_out,
        sum(quantity) over (
            partition by warehouse_key, product_id order by counted_on
            rows between unbounded preceding and current row
        ) as closing_quantity,
        sum(movement_count) over (
            partition by warehouse_key, product_id order by counted_on
            rows between unbounded preceding and current row
        ) as movement_count,
        max(_log_version) over (
            partition by warehouse_key, product_id order by counted_on
            rows between unbounded preceding and current row
        ) as _log_version,
        lead(counted_on) over (partition by warehouse_key, product_id order by counted_on) as next_counted_on
    from moves_by_day
),

-- There is no balance before the first movement. A balance at that point lasts until the run's day.
calendar_ends as (
    select min(counted_on) as first_date, {{ business_day() }} as last_date from ledger
),

calendar as (
    {{ days_between('calendar_ends', 'first_date', 'last_date') }}
),

computed as (
    select
        calendar.calendar_date as inventory_date,
        periods.warehouse_key,
        periods.product_id,
        case when calendar.calendar_date = periods.counted_on then periods.quantity_in else 0 end as quantity_in,
        case when calendar.calendar_date = periods.counted_on then periods.quantity_out else 0 end as quantity_out,
        periods.closing_quantity,
        periods.movement_count,
        periods._log_version
    from periods
    inner join calendar
        on calendar.calendar_date >= periods.counted_on
        and (calendar.calendar_date < periods.next_counted_on or periods.next_counted_on is null)
    {%- if is_incremental() %}
    inner join touched
        on touched.warehouse_key = periods.warehouse_key
        and touched.product_id = periods.product_id
        and calendar.calendar_date >= touched.first_date
    {%- endif %}
)
{%- if is_incremental() %},

-- Without a movement, the last balance is carried over to the following days.
carried as (
    select
        calendar.calendar_date as inventory_date,
        known.warehouse_key,
        known.product_id,
        0 as quantity_in,
        0 as quantity_out,
        known.closing_quantity,
        known._movement_count as movement_count,
        known._log_version
    from {{ this }} as known
    inner join processed on known.inventory_date = processed.last_date
    inner join calendar on calendar.calendar_date > processed.last_date
    left join touched
        on touched.warehouse_key = known.warehouse_key
        and touched.product_id = known.product_id
    where touched.product_id is null
),

-- The days of theirs before whose end nothing has moved any more: written as such, and then deleted.
emptied as (
    select known.*
    from {{ this }} as known
    inner join pairs_left on pairs_left.warehouse_key = known.warehouse_key and pairs_left.product_id = known.product_id
    left join (
        select warehouse_key, product_id, min(counted_on) as first_date
        from moves_by_day
        group by warehouse_key, product_id
    ) as present on present.warehouse_key = known.warehouse_key and present.product_id = known.product_id
    where present.first_date is null or known.inventory_date < present.first_date
)
{%- endif %},

balances as (
    select inventory_date, warehouse_key, product_id, quantity_in, quantity_out, closing_quantity, movement_count, _log_version
    from computed
    {%- if is_incremental() %}
    union all
    select inventory_date, warehouse_key, product_id, quantity_in, quantity_out, closing_quantity, movement_count, _log_version
    from carried
    {%- endif %}
)

select
    balances.inventory_date,
    balances.warehouse_key,
    products.product_key,
    balances.product_id,
    cast(balances.quantity_in as bigint) as quantity_in,
    cast(balances.quantity_out as bigint) as quantity_out,
    cast(balances.closing_quantity as bigint) as closing_quantity,
    cast(reorder_points.reorder_point as bigint) as reorder_point,
    balances.closing_quantity < reorder_points.reorder_point as is_below_reorder_point,
    cast(cast(balances.closing_quantity as numeric(19, 0)) * products.list_price as numeric(38, 2)) as stock_value_incl_tax,
    products.currency,
    balances._log_version,
    products._log_version as _products_version,
    coalesce(reorder_points._log_version, 0) as _levels_version,
    cast(balances.movement_count as bigint) as _movement_count
from balances
left join products
    on products.product_id = balances.product_id
    and {{ holds_at_end_of('balances.inventory_date', 'products') }}
left join reorder_points
    on reorder_points.warehouse_key = balances.warehouse_key
    and reorder_points.product_id = balances.product_id
    and {{ holds_at_end_of('balances.inventory_date', 'reorder_points') }}
{%- if is_incremental() %}

union all

select
    inventory_date,
    warehouse_key,
    product_key,
    product_id,
    quantity_in,
    quantity_out,
    closing_quantity,
    reorder_point,
    is_below_reorder_point,
    stock_value_incl_tax,
    currency,
    _log_version,
    _products_version,
    _levels_version,
    0
from emptied
{%- endif %}

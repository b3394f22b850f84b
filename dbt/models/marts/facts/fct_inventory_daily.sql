{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['inventory_date', 'warehouse_key', 'product_id'],
    post_hook=["{{ delete_days_out_of_span() }}", "{{ cluster_by('inventory_date') }}"],
) }}

with

-- What moved before the calendar's first day is there when it opens; what is dated after the run's day has not moved yet.
ledger as (
    select
        warehouse_id,
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
        min(inventory_date) as first_date,
        max(inventory_date) as last_date
    from {{ this }}
),

-- Where something moved, the balances are wrong from the day of the earliest new movement, which may be long ago;
-- and missing from the first day that is not here yet, which may be long before it. New is also what landed earlier and
-- was dated after the run's day then, or before the first day that the project had then.
touched as (
    select
        ledger.warehouse_id,
        ledger.product_id,
        -- Snowflake's least() is null where one of its arguments is: here, where this table is empty.
        least(
            min(ledger.counted_on),
            coalesce(cast({{ dbt.dateadd('day', 1, 'max(processed.last_date)') }} as date), min(ledger.counted_on))
        ) as first_date
    from ledger
    inner join processed
        on ledger._log_version > processed.log_version
        or ledger.counted_on > processed.last_date
        or ledger.counted_on < processed.first_date
    group by ledger.warehouse_id, ledger.product_id
),
{%- endif %}

moves_by_day as (
    select
        ledger.warehouse_id,
        ledger.product_id,
        ledger.counted_on,
        sum(case when ledger.moved_quantity > 0 then ledger.moved_quantity else 0 end) as quantity_in,
        -sum(case when ledger.moved_quantity < 0 then ledger.moved_quantity else 0 end) as quantity_out,
        sum(ledger.quantity) as quantity,
        max(ledger._log_version) as _log_version
    from ledger
    {%- if is_incremental() %}
    inner join touched on touched.warehouse_id = ledger.warehouse_id and touched.product_id = ledger.product_id
    {%- endif %}
    group by ledger.warehouse_id, ledger.product_id, ledger.counted_on
),

-- The balance of a day with movements holds until the day before the next one.
periods as (
    select
        warehouse_id,
        product_id,
        counted_on,
        quantity_in,
        quantity_out,
        sum(quantity) over (
            partition by warehouse_id, product_id order by counted_on
            rows between unbounded preceding and current row
        ) as closing_quantity,
        max(_log_version) over (
            partition by warehouse_id, product_id order by counted_on
            rows between unbounded preceding and current row
        ) as _log_version,
        lead(counted_on) over (partition by warehouse_id, product_id order by counted_on) as next_counted_on
    from moves_by_day
),

calendar_ends as (
    select min(counted_on) as first_date, max(counted_on) as last_date from ledger
),

calendar as (
    {{ days_between('calendar_ends', 'first_date', 'last_date') }}
),

computed as (
    select
        calendar.calendar_date as inventory_date,
        {{ surrogate_key('warehouse', ['periods.warehouse_id']) }} as warehouse_key,
        periods.product_id,
        case when calendar.calendar_date = periods.counted_on then periods.quantity_in else 0 end as quantity_in,
        case when calendar.calendar_date = periods.counted_on then periods.quantity_out else 0 end as quantity_out,
        periods.closing_quantity,
        periods._log_version
    from periods
    inner join calendar
        on calendar.calendar_date >= periods.counted_on
        and (calendar.calendar_date < periods.next_counted_on or periods.next_counted_on is null)
    {%- if is_incremental() %}
    inner join touched
        on touched.warehouse_id = periods.warehouse_id
        and touched.product_id = periods.product_id
        and calendar.calendar_date >= touched.first_date
    {%- endif %}
)
{%- if is_incremental() %},

-- Where nothing moved, the last balance is carried over to the days since.
carried as (
    select
        calendar.calendar_date as inventory_date,
        known.warehouse_key,
        known.product_id,
        0 as quantity_in,
        0 as quantity_out,
        known.closing_quantity,
        known._log_version
    from {{ this }} as known
    inner join processed on known.inventory_date = processed.last_date
    inner join calendar on calendar.calendar_date > processed.last_date
    left join touched
        on {{ surrogate_key('warehouse', ['touched.warehouse_id']) }} = known.warehouse_key
        and touched.product_id = known.product_id
    where touched.product_id is null
)
{%- endif %}

select
    inventory_date,
    warehouse_key,
    product_id,
    cast(quantity_in as bigint) as quantity_in,
    cast(quantity_out as bigint) as quantity_out,
    cast(closing_quantity as bigint) as closing_quantity,
    _log_version
from computed
{%- if is_incremental() %}

union all

select
    inventory_date,
    warehouse_key,
    product_id,
    cast(quantity_in as bigint),
    cast(quantity_out as bigint),
    closing_quantity,
    _log_version
from carried
{%- endif %}

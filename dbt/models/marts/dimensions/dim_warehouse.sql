with

-- The last version of a warehouse that the source deleted stays, marked, because goods were stored there.
known as (
    select * from {{ ref('dim_warehouse_history') }} where is_current
),

-- A warehouse that facts name and that has not landed gets a row with only its identifier, until it lands.
mentioned as (
    select warehouse_id from {{ ref('int_order_items') }}
    union
    select warehouse_id from {{ ref('int_stock_ledger') }}
),

inferred as (
    select mentioned.warehouse_id
    from mentioned
    left join known on known.warehouse_id = mentioned.warehouse_id
    where known.warehouse_id is null
)

select
    {{ surrogate_key('warehouse', ['warehouse_id']) }} as warehouse_key,
    warehouse_id,
    warehouse_code,
    warehouse_name,
    city,
    country,
    opened_on,
    is_deleted,
    false as is_inferred
from known

union all

select
    {{ surrogate_key('warehouse', ['warehouse_id']) }},
    warehouse_id,
    null,
    null,
    null,
    null,
    {{ unknown_day() }},
    false,
    true
from inferred

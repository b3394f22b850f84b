with

-- A warehouse that the source deleted stays, marked, in its last version: goods lay in it.
known as (
    select * from {{ ref('dim_warehouse_history') }} where is_current
),

-- A warehouse that facts speak of and that has not landed: a member with nothing but its identifier, until it does.
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

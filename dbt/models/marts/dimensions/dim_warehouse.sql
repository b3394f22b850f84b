with

known as (
    select * from {{ ref('stg_warehouses') }}
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
    {{ surrogate_key(['warehouse_id']) }} as warehouse_key,
    cast(warehouse_id as bigint) as warehouse_id,
    warehouse_code,
    warehouse_name,
    city,
    country,
    opened_on,
    false as is_inferred
from known

union all

select
    {{ surrogate_key(['warehouse_id']) }},
    warehouse_id,
    null,
    null,
    null,
    null,
    null,
    true
from inferred

with

versions as (
    {{ history('products', products_columns(), recorded_in=ref('snap_products'), present=ref('stg_products')) }}
),

-- A product that facts name and that has not landed gets a row with only its identifier, until it lands.
mentioned as (
    select product_id from {{ ref('int_order_items') }}
    union
    select product_id from {{ ref('int_stock_ledger') }}
),

inferred as (
    select mentioned.product_id
    from mentioned
    left join (select distinct product_id from versions) as known on known.product_id = mentioned.product_id
    where known.product_id is null
)

select
    {{ surrogate_key('product', ['product_id', epoch_microseconds('valid_from')]) }} as product_key,
    product_id,
    version_number,
    sku,
    product_name,
    category,
    {{ exact_numeric('list_price', 12, 2) }} as list_price,
    currency,
    colour,
    material,
    cast(weight_grams as bigint) as weight_grams,
    is_active,
    is_deleted,
    valid_from,
    valid_to,
    is_current,
    false as is_inferred,
    _log_version
from versions

union all

-- Its key is the key of the first version, which it will become.
select
    {{ surrogate_key('product', ['product_id', epoch_microseconds(beginning_of_time())]) }},
    product_id,
    1,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    false,
    {{ beginning_of_time() }},
    {{ end_of_time() }},
    true,
    true,
    0
from inferred

with

versions as (
    select
        *,
        dbt_is_deleted = 'True' as is_deleted,
        -- The log's order is the order of truth; a deletion repeats the version that it ends.
        row_number() over (
            partition by product_id
            order by _log_version, dbt_is_deleted, dbt_valid_from
        ) as version_order
    from {{ ref('snap_products') }}
),

-- A deletion is dated by the run that found it, which may be a little after the product came back: no version may
-- begin later than the one that follows it.
dated as (
    select
        *,
        min(dbt_valid_from) over (
            partition by product_id
            order by version_order
            rows between current row and unbounded following
        ) as begins_at
    from versions
),

bounded as (
    select
        *,
        case when version_order = 1 then {{ beginning_of_time() }} else begins_at end as valid_from,
        coalesce(lead(begins_at) over (partition by product_id order by version_order), {{ end_of_time() }}) as valid_to
    from dated
),

numbered as (
    select
        *,
        row_number() over (partition by product_id order by version_order) as version_number
    from bounded
    where valid_from < valid_to
),

-- A product that facts speak of and that has not landed: a member with nothing but its identifier, until it does.
mentioned as (
    select product_id from {{ ref('int_order_items') }}
    union
    select product_id from {{ ref('int_stock_ledger') }}
),

inferred as (
    select mentioned.product_id
    from mentioned
    left join (select distinct product_id from numbered) as known on known.product_id = mentioned.product_id
    where known.product_id is null
)

select
    {{ surrogate_key(['product_id', '_log_version', 'case when is_deleted then 1 else 0 end']) }} as product_key,
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
    valid_to = {{ end_of_time() }} as is_current,
    false as is_inferred,
    _log_version
from numbered

union all

select
    {{ surrogate_key(['product_id', '0', '0']) }},
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

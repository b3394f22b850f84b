{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='order_item_id',
    post_hook=["{{ delete_lines_gone_at_source() }}", "{{ cluster_by('order_date') }}", "{{ log_row_count(last=true) }}"],
) }}

-- dbt does not see references that only an incremental run makes:
-- depends_on: {{ ref('int_orders') }}
-- depends_on: {{ ref('int_order_items') }}

with

-- Without the unknown member, whose identifier a real customer may have.
customers as (
    select * from {{ ref('dim_customer') }} where customer_key <> {{ unknown_key() }}
),

{% if is_incremental() -%}
processed as (
    select
        coalesce(max(_order_items_version), 0) as order_items_version,
        coalesce(max(_orders_version), 0) as orders_version
    from {{ this }}
),

new_or_changed_lines as (
    select items.order_item_id
    from {{ ref('int_order_items') }} as items
    inner join processed on items._changed_version > processed.order_items_version
),

-- A new status, an erased customer, or an order that landed after its lines.
lines_of_changed_orders as (
    select items.order_item_id
    from {{ ref('int_orders') }} as orders
    inner join processed on orders._changed_version > processed.orders_version
    inner join {{ ref('int_order_items') }} as items on items.order_id = orders.order_id
),

-- Lines whose product has another version at their time than the line was written with: a version that landed after the
-- order, or after the product's deletion was recorded.
lines_of_other_versions as (
    select lines.order_item_id
    from {{ this }} as lines
    inner join {{ ref('dim_product') }} as versions
        on versions.product_id = lines.product_id
        and {{ in_history('lines.recorded_at') }} >= versions.valid_from
        and {{ in_history('lines.recorded_at') }} < versions.valid_to
    where lines.product_key <> versions.product_key or lines._products_version <> versions._log_version
),

-- A customer who landed after the order, or was erased since.
lines_of_changed_customers as (
    select lines.order_item_id
    from {{ this }} as lines
    left join customers on customers.customer_id = lines.customer_id
    where lines.customer_key <> coalesce(customers.customer_key, {{ unknown_key() }})
),

-- An order that was dated after the run's day, and no longer is.
lines_of_moved_days as (
    select order_item_id from {{ this }} 
    where {{ calendar_has_moved('order_date', 'cast(placed_at as date)') }}
        or {{ local_calendar_has_moved('order_local_date', 'placed_at') }}

),

to_write as (
    select order_item_id from new_or_changed_lines
    union
    select order_item_id from lines_of_changed_orders
    union
    select order_item_id from lines_of_other_versions
    union
    select order_item_id from lines_of_changed_customers
    union
    select order_item_id from lines_of_moved_days
),
{%- endif %}

lines as (
    select enriched.*
    from {{ ref('int_order_lines_enriched') }} as enriched
    {%- if is_incremental() %}
    inner join to_write on to_write.order_item_id = enriched.order_item_id
    {%- endif %}
)

select
    lines.order_item_id,
    lines.order_id,
    cast(lines.line_number as bigint) as line_number,
    {{ calendar_day('lines.order_date') }} as order_date,
    {{ local_calendar_member('lines.placed_at') }} as order_local_date,
    products.product_key,
    coalesce(customers.customer_key, {{ unknown_key() }}) as customer_key,
    {{ surrogate_key('warehouse', ['lines.warehouse_id']) }} as warehouse_key,
    lines.product_id,
    lines.customer_id,
    lines.order_status,
    lines.is_cancelled,
    lines.placed_at,
    lines.recorded_at,
    lines.currency,
    cast(lines.quantity as bigint) as quantity,
    products.list_price as list_price_incl_tax,
    lines.unit_price_incl_tax,
    lines.discount_rate,
    cast(cast(lines.quantity as numeric(19, 0)) * products.list_price as numeric(38, 2)) as list_amount_incl_tax,
    lines.gross_amount_incl_tax,
    lines.discount_amount_incl_tax,
    lines.line_total_incl_tax,
    cast(case when lines.is_cancelled then 0 else lines.line_total_incl_tax end as numeric(14, 2)) as revenue_incl_tax,
    lines._order_items_version,
    lines._orders_version,
    products._log_version as _products_version
from lines
left join {{ ref('dim_product') }} as products
    on products.product_id = lines.product_id
    and {{ in_history('lines.recorded_at') }} >= products.valid_from
    and {{ in_history('lines.recorded_at') }} < products.valid_to
left join customers on customers.customer_id = lines.customer_id

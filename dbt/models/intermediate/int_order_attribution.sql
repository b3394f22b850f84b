{{ config(materialized='incremental', incremental_strategy='replace', unique_key='order_id') }}

with

-- The customer at the time of the order: a later erasure changes no attribution.
orders as (
    select
        orders.order_id,
        orders.placed_at,
        milestones.buyer_id
    from {{ ref('int_orders') }} as orders
    inner join {{ ref('int_order_milestones') }} as milestones on milestones.order_id = orders.order_id
    where not orders.is_deleted and milestones.buyer_id is not null
),

landed as (
    select
        (select coalesce(max(_changed_version), 0) from {{ ref('int_orders') }}) as orders_version,
        (select coalesce(max(_log_version), 0) from {{ ref('int_email_events') }}) as events_version,
        customers.version as customers_version
    from ({{ customers_version() }}) as customers
),

{% if is_incremental() -%}
known as (
    select * from {{ this }}
),

addresses_touched as (
    {{ addresses_touched() }}
),

-- New or changed clicks, and clicks whose address may have had another holder.
events_touched as (
    select event_id, event_type, recipient_hash, occurred_at
    from {{ ref('int_email_events') }}
    where _log_version > (select coalesce(max(_events_version), 0) from {{ this }})

    union

    select events.event_id, events.event_type, events.recipient_hash, events.occurred_at
    from {{ ref('int_email_events') }} as events
    inner join addresses_touched on addresses_touched.email_hash = events.recipient_hash
),

-- Orders whose attributed click may have changed.
touched as (
    select order_id
    from {{ ref('int_orders') }}
    where _changed_version > (select coalesce(max(_orders_version), 0) from {{ this }})

    union

    select known.order_id
    from known
    inner join events_touched on events_touched.event_id = known.click_event_id

    union

    select orders.order_id
    from events_touched
    inner join {{ ref('int_address_holders') }} as holders on {{ held_address_of('events_touched', 'holders') }}
    inner join orders on {{ may_have_won('events_touched', 'holders', 'orders') }}
    where events_touched.event_type = 'clicked'
),

orders_touched as (
    select orders.*
    from orders
    inner join touched on touched.order_id = orders.order_id
),
{%- endif %}
{% set candidates = 'orders_touched' if is_incremental() else 'orders' %}

-- The range of times of all clicks that any of these orders may be attributed to.
window_of_clicks as (
    select
        {{ days_before('min(placed_at)', var('attribution_window_days')) }} as begins_at,
        max(placed_at) as ends_at
    from {{ candidates }}
),

holders as (
    select *
    from {{ ref('int_address_holders') }}
    {%- if is_incremental() %}
    where customer_id in (select buyer_id from orders_touched)
    {%- endif %}
),

-- Each click with the customer who held the address at that time.
clicks as (
    select
        events.event_id,
        events.message_id,
        events.campaign_id,
        events.occurred_at,
        holders.customer_id
    from {{ ref('int_email_events') }} as events
    inner join holders on {{ held_address_of('events', 'holders') }}
    where events.event_type = 'clicked'
        and events.occurred_at >= (select begins_at from window_of_clicks)
        and events.occurred_at <= (select ends_at from window_of_clicks)
),

last_clicks as (
    select
        orders.order_id,
        orders.placed_at,
        clicks.event_id as click_event_id,
        clicks.message_id,
        clicks.campaign_id,
        clicks.occurred_at as clicked_at,
        cast(clicks.occurred_at as date) as clicked_on
    from {{ candidates }} as orders
    inner join clicks on {{ may_have_won('clicks', 'clicks', 'orders') }}
    qualify row_number() over (partition by orders.order_id order by clicks.occurred_at desc, clicks.event_id desc) = 1
    {%- if is_incremental() %}

    union all

    select
        known.order_id,
        known.placed_at,
        known.click_event_id,
        known.message_id,
        known.campaign_id,
        known.clicked_at,
        known.clicked_on
    from known
    left join touched on touched.order_id = known.order_id
    where touched.order_id is null
    {%- endif %}
)

select
    last_clicks.order_id,
    last_clicks.placed_at,
    last_clicks.click_event_id,
    last_clicks.message_id,
    last_clicks.campaign_id,
    last_clicks.clicked_at,
    last_clicks.clicked_on,
    landed.orders_version as _orders_version,
    landed.events_version as _events_version,
    landed.customers_version as _customers_version
from last_clicks
cross join landed

-- MART of a shop of two years, written directly: getvariable('events') events of e-mails, and what belongs to them. Facts
-- lie in the order of their days, as runs append them.

create temp macro last_day() as date '2027-12-31';
create temp macro days() as 730;
create temp macro day_of(n, many) as last_day() - ((days() - 1) - (n * days() // many))::int;
create temp macro messages() as getvariable('events') // 3;
create temp macro orders() as greatest(getvariable('events') // 100, 1);
create temp macro customers() as least(200000, getvariable('events'));
create temp macro products() as least(1000, getvariable('events') // 200);
create temp macro runs() as least(38400, getvariable('events') // 200);
create temp macro country_of(n) as ['NL', 'DE', 'FR', 'BE', 'IT', 'ES', 'AT', 'DK', 'SE', 'PL', 'IE'][1 + n % 11];
create temp macro campaign_of(n) as 'campaign-' || (n * 500 // messages());
create temp macro customer_of(n) as 'customer-' || (n * 7919 % customers());

insert into dim_date by name
select
    day::date as calendar_date,
    date_trunc('month', day)::date as month_start,
    date_trunc('week', day)::date as iso_week_start
from range(timestamp '2000-01-01', (last_day() + 1)::timestamp, interval 1 day) as calendar(day);

insert into dim_customer by name
select
    'customer-' || n as customer_key,
    n as customer_id,
    country_of(n) as country,
    day_of(n, customers()) as signed_up_on
from range(customers()) as numbers(n);

insert into dim_campaign by name
select
    'campaign-' || n as campaign_key,
    'cmp_' || n as campaign_id,
    'Campaign ' || n as campaign_name,
    1000 as budget,
    'EUR' as currency,
    'sender-' || n % 5 || '@shop.example' as from_address
from range(501) as numbers(n);

insert into dim_product by name
select
    'product-' || n || '-' || version as product_key,
    n as product_id,
    version as version_number,
    'SKU-' || n as sku,
    'Product ' || n as product_name,
    'category ' || n % 12 as category,
    10 + n % 90 + version as list_price,
    'EUR' as currency,
    case version when 1 then timestamp '1900-01-01' else (last_day() - (120 * (5 - version) + n % 100)::int)::timestamp end
        as valid_from,
    case version when 5 then timestamp '9999-12-31' else (last_day() - (120 * (4 - version) + n % 100)::int)::timestamp end
        as valid_to,
    version = 5 as is_current,
    false as is_deleted
from range(products()) as numbers(n), range(1, 6) as versions(version);

insert into dim_product_current by name
select product_id, product_key, sku, product_name, category, list_price
from dim_product
where is_current;

insert into dim_warehouse by name
select 'warehouse-' || n as warehouse_key, n as warehouse_id, 'WH-' || n as warehouse_code, 'Bari' as city
from range(5) as numbers(n);

insert into fct_email_messages by name
select
    'msg_' || n as message_id,
    campaign_of(n) as campaign_key,
    customer_of(n) as customer_key,
    day_of(n, messages()) as sent_date,
    day_of(n, messages())::timestamp + to_seconds(n % 86400) as sent_at,
    n % 40 <> 7 as is_delivered,
    n % 40 = 7 as is_bounced,
    case when n % 80 = 7 then 'hard' when n % 40 = 7 then 'soft' end as bounce_class,
    n % 3 = 0 as is_opened,
    n % 6 = 0 as is_opened_by_human,
    n % 30 = 0 as is_clicked,
    case when n % 3 = 0 then sent_at + to_minutes(n % 4000) end as first_opened_at,
    case when n % 30 = 0 then sent_at + to_minutes(n % 4000 + 3) end as first_clicked_at,
    case when n % 900 = 0 then sent_at + to_minutes(n % 4000 + 9) end as unsubscribed_at,
    case when n % 2400 = 0 then sent_at + to_minutes(n % 4000 + 9) end as complained_at,
    n % 50 <> 0 as consent_when_sent,
    n % 3000 = 0 as is_after_unsubscription,
    n % 5000 = 0 as is_after_hard_bounce
from range(messages()) as numbers(n)
order by n;

insert into fct_email_events by name
select
    'evt_' || n as event_id,
    'msg_' || n // 3 as message_id,
    case when (n // 3) % 40 = 7 and n % 3 = 1 then 'bounced' else ['sent', 'delivered', 'opened'][1 + n % 3] end as event_type,
    case when (n // 3) % 80 = 7 and n % 3 = 1 then 'hard' when (n // 3) % 40 = 7 and n % 3 = 1 then 'soft' end as bounce_class,
    case when (n // 3) % 40 = 7 and n % 3 = 1 then 550 end as bounce_code
from range(getvariable('events')) as numbers(n)
order by n;

insert into fct_campaign_cohorts by name
select campaign_key, sent_date, count(*) as messages_sent, sent_date < last_day() - 5 as is_mature
from fct_email_messages
group by campaign_key, sent_date;

insert into fct_campaign_activity_daily by name
select
    campaign_key,
    sent_date + delay::int as activity_date,
    case delay when 0 then messages_sent else 0 end as messages_sent,
    messages_sent // (2 + delay) as messages_opened,
    messages_sent // (9 + delay) as messages_clicked,
    messages_sent // 100 as attributed_orders
from fct_campaign_cohorts, range(7) as delays(delay);

insert into fct_orders by name
select
    n as order_id,
    day_of(n, orders()) as order_date,
    customer_of(n) as customer_key,
    n % 12 = 0 as is_cancelled,
    'EUR' as currency,
    case when n % 12 = 0 then 0 else 20 + n % 180 end as revenue_incl_tax,
    case when n % 12 = 0 then 'cancelled' when n % 3 = 0 then 'new' else 'returning' end as buyer_type,
    case when n % 4 = 0 then campaign_of(n * messages() // orders()) end as attributed_campaign_key,
    case when n % 4 = 0 then 'msg_' || n * messages() // orders() end as attributed_message_id
from range(orders()) as numbers(n)
order by n;

insert into fct_order_lines by name
select
    orders.order_id * 3 + line as order_item_id,
    orders.order_id,
    orders.order_date,
    orders.customer_key,
    orders.currency,
    orders.is_cancelled,
    (orders.order_id * 31 + line * 7) % products() as product_id,
    'product-' || (orders.order_id * 31 + line * 7) % products() || '-' || 1 + orders.order_id % 5 as product_key,
    1 + line as quantity,
    (1 + line) * 30 as list_amount_incl_tax,
    (1 + line) * 29 as gross_amount_incl_tax,
    line as discount_amount_incl_tax,
    case when orders.is_cancelled then 0 else (1 + line) * 29 - line end as revenue_incl_tax
from fct_orders as orders, range(3) as lines(line)
order by orders.order_id, line;

insert into fct_inventory_daily by name
select
    last_day() - ((days() - 1) - day)::int as inventory_date,
    'warehouse-' || warehouse as warehouse_key,
    product as product_id,
    (product * 7 + day * 3 + warehouse) % 60 as closing_quantity,
    closing_quantity * 30 as stock_value_incl_tax,
    'EUR' as currency,
    closing_quantity < 5 as is_below_reorder_point
from range(days()) as d(day), range(5) as w(warehouse), range(products()) as p(product)
order by day, warehouse, product;

insert into fct_stock_movements by name
select
    order_item_id as movement_id,
    order_date as movement_date,
    'warehouse-' || order_id % 5 as warehouse_key,
    product_id,
    'sale' as reason,
    -quantity as quantity
from fct_order_lines
order by order_item_id;

-- A run every quarter of an hour for 400 days, the newest now: one in three finds nothing new, one a day builds everything.
insert into ops_runs by name
select
    'run-' || n as run_id,
    'run ' || n as run_name,
    case when n % 50 = 0 then 'failed' else 'completed' end as state,
    n % 3 = 0 as is_idle,
    getvariable('now') - to_minutes(15 * (runs() - n)) as started_at,
    started_at + to_seconds(90) as ended_at,
    90 as run_seconds,
    20 as ingest_seconds,
    1 as wait_seconds,
    10 as load_seconds,
    40 + n % 20 as dbt_seconds,
    5 as reconcile_seconds,
    1 as publish_seconds,
    started_at + to_seconds(89) as published_at,
    9 as streams,
    1000 as rows_landed,
    1000 as rows_loaded
from range(runs()) as numbers(n);

insert into ops_run_streams by name
select
    runs.run_id, 'stream ' || stream as stream, 'landed' as state, 100 as rows_landed, 100 as rows_loaded,
    runs.started_at as watermark
from ops_runs as runs, range(9) as streams(stream);

insert into ops_dbt_results by name
select
    runs.run_id,
    'node.' || node as unique_id,
    'node ' || node as node,
    case when node < 40 then 'model' else 'test' end as resource_type,
    case when node < 40 then 'success' when node % 40 = 0 then 'warn' else 'pass' end as status,
    0.1 + node % 17 as execution_seconds,
    runs.started_at,
    runs.ended_at,
    case when node >= 40 then node % 40 end as failures
from ops_runs as runs, range(400) as nodes(node)
where not runs.is_idle and (node % 8 < 3 or substr(runs.run_id, 5)::bigint % 96 = 1)
order by runs.started_at, node;

insert into ops_reconciliations by name
select runs.run_id, 'stream ' || stream as stream, 100 as source_rows, 100 as lake_rows, true as is_equal, true as is_compared
from ops_runs as runs, range(9) as streams(stream)
where not runs.is_idle;

insert into ops_quarantine by name
select
    runs.run_id, 'stream ' || stream as stream, 7 as version, 'it broke ' || reason as reason, 3 as records,
    1 as open_records, 'open' as state
from ops_runs as runs, range(3) as streams(stream), range(5) as reasons(reason)
where not runs.is_idle;

insert into ops_schema_changes by name
select
    run_id, 'stream 1' as stream, 'column x' as subject, 'column_added' as kind, 'warning' as severity
from ops_runs;

insert into ops_freshness by name
select 'stream' as subject_type, 'stream ' || stream as subject, getvariable('now') as read_until,
    getvariable('now') + to_hours(1) as fresh_until, 3600 as allowed_age_seconds
from range(9) as streams(stream);

insert into _publication by name
select 'run-38399' as run_id, getvariable('now') as published_at, last_day()::timestamp as business_time,
    9 as streams, 9 as streams_equal, '' as uncounted_streams, '' as failed_streams;

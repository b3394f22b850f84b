-- The rows of a long history, by stream. `step` is how many events a version of the history holds; `version`, where it
-- is set, is the version of what is new. Each macro ends with v, the version, and r, the row number.

create temp macro moment(n) as timestamptz '2026-01-01 00:00:00+00' + to_milliseconds(n * 250);
create temp macro version_of(n) as coalesce(getvariable('version'), 1 + least(n // getvariable('step'), 99));
-- The history was loaded long before what is new.
create temp macro landed() as
  moment(0) + case when getvariable('version') is null then interval '1 year' else interval '13 months' end;
create temp macro before() as timestamptz '2025-12-31 00:00:00+00';

-- Three events are a message. Of the new ones, a tenth belongs to messages of the days before.
create temp macro message_of(n) as
  case
    when getvariable('version') is not null and n % 10 = 0
      then (getvariable('events') - n * 7919 % greatest(getvariable('events') // 20, 1)) // 3
    else n // 3
  end;
create temp macro event_type(n) as
  (['sent', 'delivered', 'opened', 'sent', 'delivered', 'clicked', 'sent', 'bounced', 'opened'])[1 + n % 9];
create temp macro rfc3339(moment) as strftime(moment, '%Y-%m-%dT%H:%M:%S.%fZ');
create temp macro payload(n, m) as
  '{"event_id":"' || printf('evt_%012d', n)
  || '","type":"' || event_type(n)
  || '","message_id":"' || printf('msg_%011d', m)
  || '","campaign_id":"' || printf('cmp_%06d', m * 3 // 20000)
  || '","recipient":"' || printf('shopper%05d@mail.example', m % 50000)
  || '","occurred_at":"' || rfc3339(moment(n))
  || '","received_at":"' || rfc3339(moment(n + 8)) || '"'
  || case n % 9
    when 5 then ',"link":{"url":"https://shop.example/p/' || n % 500 || '?utm=mail","sku":"SKU-' || n % 500 || '"}'
    when 7 then ',"bounce":{"class":"hard","code":550,"reason":"5.1.1 mailbox unavailable"}'
    else ''
  end
  || case when n % 9 in (2, 5, 8) then ',"user_agent":"Mozilla/5.0 (X11; Linux x86_64)"' else '' end
  || '}';

create temp macro email_events(first, last) as table
  select printf('evt_%012d', n), moment(n + 8), payload(n, message_of(n)), version_of(n) as v, n as r
  from range(first, last) as numbers(n);

create temp macro campaigns(first, last) as table
  select
    printf('cmp_%06d', n), before(),
    '{"name":"Sale","subject":"Hello","status":"sent","from_address":"news@shop.example","promoted_skus":["SKU-1"],'
    || '"budget":"100.00","currency":"EUR","scheduled_at":null,"created_at":"2025-12-31T00:00:00Z"}',
    1 as v, n as r
  from range(first, last) as numbers(n);

create temp macro customers(first, last) as table
  select
    n, printf('shopper%05d@mail.example', n), 'Shopper ' || n, 'NL', true, before(), before(), before(), 1 as v, n as r
  from range(first, last) as numbers(n);

create temp macro warehouses(first, last) as table
  select n, 'WH-' || n, 'Warehouse ' || n, 'Bari', 'IT', date '2020-01-01', before(), before(), 1 as v, n as r
  from range(first, last) as numbers(n);

create temp macro products(first, last) as table
  select n, 'SKU-' || n, 'Thing ' || n, 'things', 10.00, 'EUR', '{}', true, before(), before(), 1 as v, n as r
  from range(first, last) as numbers(n);

-- Order n was placed at the time of event 100 n: one unit of one product, from the one warehouse that has it.
create temp macro product_of(n) as n % 500;
create temp macro warehouse_of(n) as product_of(n) % 3;

create temp macro orders(first, last) as table
  select
    n, n * 33 % 50000, 'placed', 'EUR', 10.00, moment(n * 100), moment(n * 100), moment(n * 100),
    version_of(n * 100) as v, n as r
  from range(first, last) as numbers(n);

create temp macro order_items(first, last) as table
  select
    n, n, 1, product_of(n), warehouse_of(n), 1, 10.00, 0, 10.00, moment(n * 100), moment(n * 100),
    version_of(n * 100) as v, n as r
  from range(first, last) as numbers(n);

create temp macro initial_stock(first, last) as table
  select -1 - n, warehouse_of(n), n, 1000000, 'initial', null, before(), before(), 1 as v, n as r
  from range(first, last) as numbers(n);

create temp macro stock_movements(first, last) as table
  select
    n, warehouse_of(n), product_of(n), -1, 'sale', n, moment(n * 100), moment(n * 100),
    version_of(n * 100) as v, n as r
  from range(first, last) as numbers(n);

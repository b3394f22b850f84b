-- The operational shop. Run it once, as the owner role, in an empty database (PostgreSQL 14 or newer):
--     psql -v ON_ERROR_STOP=1 --single-transaction -c 'set role shop' -f schema.sql
-- Run roles.sql before it: the default privileges set there give the `ingest` login its SELECT.

-- Row times ------------------------------------------------------------------------------------------------

create function stamp_new_row() returns trigger language plpgsql as $$
begin
    new.created_at := coalesce(new.created_at, now());
    new.updated_at := coalesce(new.updated_at, now());
    return new;
end
$$;
comment on function stamp_new_row() is
    'Gives a new row the start of its transaction as created_at and updated_at, where they are not given.';

create function stamp_changed_row() returns trigger language plpgsql as $$
begin
    new.created_at := old.created_at;
    new.updated_at := now();
    return new;
end
$$;
comment on function stamp_changed_row() is
    'Gives a changed row the start of its transaction as updated_at, whatever the statement says.';

create function stamp_new_movement() returns trigger language plpgsql as $$
begin
    new.created_at := now();
    return new;
end
$$;
comment on function stamp_new_movement() is
    'Gives a new row of an append-only table the start of its transaction as created_at, where it is not given.';

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only: % refused', tg_table_name, lower(tg_op)
        using errcode = 'integrity_constraint_violation',
              hint = 'Write a compensating movement with reason adjustment instead.';
end
$$;
comment on function refuse_change() is 'Refuses the statement: for tables that only ever grow.';

-- What is sold, and from where -----------------------------------------------------------------------------

create table products (
    product_id bigint generated always as identity primary key,
    sku text not null unique check (sku ~ '^SKU-[0-9]{5,}$'),
    name text not null check (name <> ''),
    category text not null check (category <> ''),
    -- numeric(12,2) has a NaN, which compares as greater than every number.
    price numeric(12, 2) not null check (price >= 0 and price <> 'NaN'),
    currency text not null default 'EUR' check (currency = 'EUR'),
    attributes jsonb not null check (jsonb_typeof(attributes) = 'object'),
    is_active boolean not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table warehouses (
    warehouse_id integer generated always as identity primary key,
    code text not null unique check (code ~ '^WH-[A-Z]{3}$'),
    name text not null check (name <> ''),
    city text not null check (city <> ''),
    country text not null check (country ~ '^[A-Z]{2}$'),
    opened_on date not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table stock_levels (
    warehouse_id integer not null references warehouses,
    product_id bigint not null references products on delete cascade,
    on_hand integer not null check (on_hand >= 0),
    reorder_point integer not null check (reorder_point >= 0),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (warehouse_id, product_id)
);

-- Who buys, and what ---------------------------------------------------------------------------------------

create table customers (
    customer_id bigint generated always as identity primary key,
    email text not null unique check (email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
    full_name text not null check (full_name <> ''),
    country text not null check (country ~ '^[A-Z]{2}$'),
    marketing_consent boolean not null,
    signed_up_at timestamptz not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table orders (
    order_id bigint generated always as identity primary key,
    customer_id bigint references customers on delete set null,
    status text not null check (status in ('placed', 'shipped', 'delivered', 'cancelled')),
    currency text not null default 'EUR' check (currency = 'EUR'),
    total_amount numeric(14, 2) not null check (total_amount >= 0 and total_amount <> 'NaN'),
    placed_at timestamptz not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table order_items (
    order_item_id bigint generated always as identity primary key,
    order_id bigint not null references orders on delete cascade,
    line_number integer not null check (line_number > 0),
    product_id bigint not null references products,
    warehouse_id integer not null references warehouses,
    quantity integer not null check (quantity > 0),
    unit_price numeric(12, 2) not null check (unit_price >= 0 and unit_price <> 'NaN'),
    discount_rate numeric(5, 4) not null check (discount_rate >= 0 and discount_rate < 1),
    line_total numeric(14, 2) not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    unique (order_id, line_number),
    constraint order_items_line_total_check
        check (line_total = round(quantity * unit_price * (1 - discount_rate), 2))
);

-- Every change of stock ------------------------------------------------------------------------------------

create table stock_movements (
    movement_id bigint generated always as identity primary key,
    warehouse_id integer not null references warehouses on delete restrict,
    product_id bigint not null references products on delete restrict,
    quantity integer not null check (quantity <> 0),
    reason text not null check (reason in ('initial', 'restock', 'sale', 'cancellation', 'adjustment')),
    order_id bigint references orders on delete restrict,
    moved_at timestamptz not null,
    created_at timestamptz not null,
    constraint stock_movements_direction_check check (
        case reason when 'sale' then quantity < 0 when 'adjustment' then true else quantity > 0 end
    ),
    constraint stock_movements_order_check check ((reason in ('sale', 'cancellation')) = (order_id is not null))
);

-- Triggers -------------------------------------------------------------------------------------------------

do $$
declare
    mutable_table text;
begin
    foreach mutable_table in array
        array['products', 'warehouses', 'stock_levels', 'customers', 'orders', 'order_items']
    loop
        -- The condition spares a bulk load that brings its own times the call per row.
        execute format(
            'create trigger stamp_new_row before insert on %I for each row '
            'when (new.created_at is null or new.updated_at is null) execute function stamp_new_row()',
            mutable_table);
        execute format(
            'create trigger stamp_changed_row before update on %I for each row '
            'execute function stamp_changed_row()',
            mutable_table);
    end loop;
end
$$;

create trigger stamp_new_movement before insert on stock_movements for each row
    when (new.created_at is null) execute function stamp_new_movement();
create trigger refuse_change before update or delete or truncate on stock_movements for each statement
    execute function refuse_change();

-- Indexes: the cursor of every incremental extraction, foreign keys that deletes follow, the shop's own reads --

create index products_updated_at_idx on products (updated_at);
create index warehouses_updated_at_idx on warehouses (updated_at);
create index stock_levels_updated_at_idx on stock_levels (updated_at);
create index stock_levels_product_id_idx on stock_levels (product_id);
create index customers_updated_at_idx on customers (updated_at);
create index customers_signed_up_at_idx on customers (signed_up_at);
create index orders_updated_at_idx on orders (updated_at);
create index orders_placed_at_idx on orders (placed_at);
create index orders_customer_id_idx on orders (customer_id);
create index orders_open_idx on orders (order_id) where status in ('placed', 'shipped');
create index order_items_updated_at_idx on order_items (updated_at);
create index order_items_product_id_idx on order_items (product_id);
create index stock_movements_created_at_idx on stock_movements (created_at);
create index stock_movements_moved_at_idx on stock_movements (moved_at);
create index stock_movements_product_id_idx on stock_movements (product_id, warehouse_id);
create index stock_movements_order_id_idx on stock_movements (order_id) where order_id is not null;

-- Comments -------------------------------------------------------------------------------------------------

comment on table products is 'What the shop sells or has announced. One row per product, current state.';
comment on column products.product_id is 'Surrogate key.';
comment on column products.sku is 'Stock-keeping unit, SKU-00001: the number that people and campaigns use.';
comment on column products.name is 'Name shown to customers.';
comment on column products.category is 'Shelf of the catalogue.';
comment on column products.price is 'Current unit price, in currency, tax included.';
comment on column products.currency is 'ISO 4217 code.';
comment on column products.attributes is 'Facts that differ by category: an object, its keys vary.';
comment on column products.is_active is 'False once the product is discontinued.';

comment on table warehouses is 'Where stock lies and orders ship from.';
comment on column warehouses.warehouse_id is 'Surrogate key.';
comment on column warehouses.code is 'Short code, WH-AMS.';
comment on column warehouses.name is 'Name used by the staff.';
comment on column warehouses.city is 'City.';
comment on column warehouses.country is 'ISO 3166-1 alpha-2 code.';
comment on column warehouses.opened_on is 'First day of work.';

comment on table stock_levels is
    'Stock of a product in a warehouse now: the sum of its movements. A pair without movements has 0.';
comment on column stock_levels.warehouse_id is 'Warehouse.';
comment on column stock_levels.product_id is 'Product.';
comment on column stock_levels.on_hand is 'Units on the shelf.';
comment on column stock_levels.reorder_point is 'Below this many units the pair is restocked; 0: never (not launched).';

comment on table stock_movements is 'Every change of stock, append-only: corrections are movements of their own.';
comment on column stock_movements.movement_id is 'Surrogate key.';
comment on column stock_movements.warehouse_id is 'Warehouse.';
comment on column stock_movements.product_id is 'Product.';
comment on column stock_movements.quantity is 'Units, signed: positive into the warehouse, negative out of it.';
comment on column stock_movements.reason is 'initial, restock, sale, cancellation or adjustment.';
comment on column stock_movements.order_id is 'The order behind a sale or a cancellation; null for the others.';
comment on column stock_movements.moved_at is 'Business time of the movement.';

comment on table customers is 'Registered customers. Erasure on request is a hard delete; their orders remain.';
comment on column customers.customer_id is 'Surrogate key.';
comment on column customers.email is 'Address for orders and campaigns. Personal data.';
comment on column customers.full_name is 'Name as the customer gave it. Personal data.';
comment on column customers.country is 'ISO 3166-1 alpha-2 code.';
comment on column customers.marketing_consent is 'Whether the customer has agreed to campaigns.';
comment on column customers.signed_up_at is 'Business time of the registration.';

comment on table orders is 'One row per order, current state.';
comment on column orders.order_id is 'Surrogate key.';
comment on column orders.customer_id is 'Who ordered; null once the customer is erased.';
comment on column orders.status is 'placed, then shipped, then delivered; or placed, then cancelled.';
comment on column orders.currency is 'ISO 4217 code.';
comment on column orders.total_amount is 'Sum of line_total of the order''s items, in currency.';
comment on column orders.placed_at is 'Business time of the order.';

comment on table order_items is 'Lines of orders. Written once, with their order.';
comment on column order_items.order_item_id is 'Surrogate key.';
comment on column order_items.order_id is 'The order.';
comment on column order_items.line_number is 'Position in the order, from 1.';
comment on column order_items.product_id is 'Product sold.';
comment on column order_items.warehouse_id is 'Warehouse that the line ships from.';
comment on column order_items.quantity is 'Units sold.';
comment on column order_items.unit_price is 'The product''s price when the order was placed.';
comment on column order_items.discount_rate is 'Share taken off the price: 0.1000 is ten per cent.';
comment on column order_items.line_total is 'round(quantity * unit_price * (1 - discount_rate), 2).';

do $$
declare
    column_of record;
begin
    for column_of in
        select table_name, column_name
        from information_schema.columns
        where table_schema = 'public' and column_name in ('created_at', 'updated_at')
    loop
        execute format('comment on column %I.%I is %L', column_of.table_name, column_of.column_name,
            case column_of.column_name
                when 'created_at' then 'Start of the transaction that wrote the row first.'
                else 'Start of the transaction that wrote the row last; kept by a trigger.'
            end);
    end loop;
end
$$;

-- Roles and privileges of the shop. Run it as a superuser, connected to the shop's database, before schema.sql.
-- It may be run again, and in several databases of a cluster; the passwords given last are the ones in force.
--
-- Passwords come from two settings of the session, so that no file and no command line holds them. Each may be
-- a plain password or a SCRAM verifier:
--     select set_config('shop.owner_password', ..., false), set_config('shop.ingest_password', ..., false);
--
-- `shop` owns the database and is what the application logs in as. `ingest` reads every table of schema public
-- that `shop` owns or will create, sees the activity of other sessions (pg_monitor), and nothing else.

do $$
declare
    owner_password text := nullif(current_setting('shop.owner_password', true), '');
    ingest_password text := nullif(current_setting('shop.ingest_password', true), '');
begin
    if owner_password is null or ingest_password is null then
        raise exception 'no passwords for the shop''s roles'
            using hint = 'SET shop.owner_password and shop.ingest_password first.';
    end if;

    if not exists (select from pg_catalog.pg_roles where rolname = 'shop') then
        create role shop;
    end if;
    if not exists (select from pg_catalog.pg_roles where rolname = 'ingest') then
        create role ingest;
    end if;
    execute format('alter role shop with login password %L', owner_password);
    execute format(
        'alter role ingest with login inherit nosuperuser nocreatedb nocreaterole noreplication nobypassrls '
        'password %L', ingest_password);
    alter role ingest set default_transaction_read_only = on;
    grant pg_monitor to ingest;

    execute format('alter database %I owner to shop', current_database());
    execute format('revoke all on database %I from public', current_database());
    execute format('grant connect on database %I to ingest', current_database());
end
$$;

-- Before PostgreSQL 15 everyone may create tables in schema public.
revoke all on schema public from public;
grant usage, create on schema public to shop;
grant usage on schema public to ingest;

grant select on all tables in schema public to ingest;
alter default privileges for role shop in schema public grant select on tables to ingest;
-- A default privilege of PUBLIC can only be taken away for all schemas at once.
alter default privileges for role shop revoke execute on functions from public;

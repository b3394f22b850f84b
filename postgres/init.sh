#!/bin/sh
# Init script for the official postgres image (14 to 17): puts the shop into a new cluster.
#
# Mount it in /docker-entrypoint-initdb.d/, and schema.sql and roles.sql in SHOP_SQL_DIR (another directory:
# the image would run them by itself, without the passwords). POSTGRES_USER and POSTGRES_DB are the image's own;
# POSTGRES_DB becomes the shop's database.
#
# The image runs an executable file and sources another one, hence the subshell.
(
set -eu
: "${SHOP_OWNER_PASSWORD:?set the password of role shop}"
: "${SHOP_INGEST_PASSWORD:?set the password of role ingest}"
cd "${SHOP_SQL_DIR:-/usr/share/shop}"
psql -X -q -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
-- psql reads the passwords from the environment, and their way to the server stays out of its log.
\set owner_password `printf %s "$SHOP_OWNER_PASSWORD"`
\set ingest_password `printf %s "$SHOP_INGEST_PASSWORD"`
set log_statement = 'none';
set log_min_duration_statement = -1;
set log_min_error_statement = 'panic';
\o /dev/null
select set_config('shop.owner_password', :'owner_password', false),
       set_config('shop.ingest_password', :'ingest_password', false);
\o
\i roles.sql
set role shop;
\i schema.sql
SQL
)

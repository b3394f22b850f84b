#!/bin/sh
# Health check: the login that reads the shop gets an answer over TCP, as every client would, and the shop is filled.
set -eu
answer=$(PGPASSWORD=$SHOP_INGEST_PASSWORD PGCONNECT_TIMEOUT=3 psql -X -A -t -q --host 127.0.0.1 --username ingest \
  --dbname "$POSTGRES_DB" --command 'select exists (select from orders)')
[ "$answer" = t ]

#!/bin/sh
# Init script: fills the shop with its past, and notes that the first start is complete.
# The server listens on its socket alone while it is being initialised, so that nobody can see a half-filled shop.
set -eu
PGPASSWORD=$SHOP_OWNER_PASSWORD POSTGRES_DSN="host=/var/run/postgresql dbname=$POSTGRES_DB user=shop" \
  python3 -m postgres.seed --scale "${SHOP_SCALE:-1}" --seed "${SHOP_SEED:-1}"
rm -f "$(dirname "$PGDATA")/unfinished"

#!/bin/bash
# Starts the official image's entrypoint. A first start that was broken off in its middle (Ctrl-C while the shop is being
# seeded) begins anew: that image would take the unfinished cluster for a finished one.
set -euo pipefail
unfinished=$(dirname "$PGDATA")/unfinished

refuse_demo_password() {
  if [ "${!1:-}" = "$2" ]; then
    echo "$1 is the demo's; ENVIRONMENT=$ENVIRONMENT needs a secret one" >&2
    exit 2
  fi
}

if [ "${ENVIRONMENT:-dev}" != dev ]; then
  refuse_demo_password POSTGRES_PASSWORD postgres
  refuse_demo_password SHOP_OWNER_PASSWORD shop
  refuse_demo_password SHOP_INGEST_PASSWORD ingest
fi

if [ "${1:-}" = postgres ]; then
  # In memory, and so root's at each start.
  chown postgres: /var/run/postgresql
  if [ -e "$unfinished" ]; then
    echo "The last first start did not finish; beginning anew."
    rm -rf "$PGDATA"
  elif [ ! -s "$PGDATA/PG_VERSION" ]; then
    touch "$unfinished"
    # The last init script removes it, as postgres.
    chown postgres: "$unfinished" "$(dirname "$PGDATA")"
  fi
fi
exec docker-entrypoint.sh "$@"

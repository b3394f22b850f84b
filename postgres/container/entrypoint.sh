#!/bin/bash
# Starts the official image's entrypoint. A first start that was broken off in its middle (Ctrl-C while the shop is being
# seeded) begins anew: that image would take the unfinished cluster for a finished one.
set -euo pipefail
unfinished=$(dirname "$PGDATA")/unfinished

python3 -m common.environment

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

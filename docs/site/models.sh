#!/usr/bin/env bash
# Writes dbt's documentation and the lineage of columns: models.sh FOLDER. The models are built, of no rows, in a DuckDB of
# their own, so that every table and column is there with its type.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
folder=$(realpath -m "$1")
work=$folder.work

rm -rf "$work"
mkdir -p "$work" "$folder/models" "$folder/lineage"
.venv/bin/python -c 'import sys, pathlib
from tests.dbt.running.raw_database import RawDatabase
RawDatabase.create(pathlib.Path(sys.argv[1]))' "$work"

# Whatever the environment says of targets, schemas and secrets: the documentation is the same everywhere. In dbt's own folder,
# since it writes a path that lies elsewhere into the documentation as it is on this machine.
target=dbt/target/site
dbt() {
  env -i PATH="$PATH" PYTHONUTF8=1 ENVIRONMENT=dev BUSINESS_NOW=2026-01-01T00:00:00Z \
    DUCKDB_PATH="$work/DP_MAILBLAZE_DEMO_DEV_DB.duckdb" DBT_SEND_ANONYMOUS_USAGE_STATS=false \
    .venv/bin/dbt --quiet --no-use-colors "$@" --project-dir dbt --profiles-dir dbt --target-path target/site \
    --log-path "$work"
}
dbt build --exclude-resource-type test unit_test
dbt docs generate --static
cp "$target/static_index.html" "$folder/models/index.html"

# Its page reports nothing to anybody. A model whose columns it cannot follow is a failure, which it only logs.
colibri() {
  .venv-docs/bin/colibri generate --manifest "$target/manifest.json" --catalog "$target/catalog.json" \
    --output-dir "$work/lineage" --disable-telemetry --light >"$work/colibri.log" 2>&1
}
if ! colibri || grep -qF '[ERROR]' "$work/colibri.log" || [ -e "$work/lineage/colibri-parsing-errors.json" ]; then
  cat "$work/colibri.log" >&2
  echo "docs: the lineage lacks columns (see above)" >&2
  exit 1
fi
cp "$work/lineage/index.html" "$folder/lineage/index.html"

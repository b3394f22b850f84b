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
from tests.dbt.raw_database import RawDatabase
RawDatabase.create(pathlib.Path(sys.argv[1]))' "$work"

# Whatever the environment says of targets, schemas and secrets: the documentation is the same everywhere.
dbt() {
  env -i PATH="$PATH" PYTHONUTF8=1 ENVIRONMENT=dev BUSINESS_NOW=2026-01-01T00:00:00Z \
    DUCKDB_PATH="$work/DP_MAILBLAZE_DEMO_DEV_DB.duckdb" DBT_SEND_ANONYMOUS_USAGE_STATS=false \
    .venv/bin/dbt --quiet --no-use-colors "$@" --project-dir dbt --profiles-dir dbt --target-path "$work/target" \
    --log-path "$work"
}
dbt build --exclude-resource-type test unit_test
dbt docs generate --static
cp "$work/target/static_index.html" "$folder/models/index.html"

# It reports nothing to anybody, and a model whose columns it cannot follow is a failure.
.venv-docs/bin/colibri generate --manifest "$work/target/manifest.json" --catalog "$work/target/catalog.json" \
  --output-dir "$work/lineage" --disable-telemetry --light >"$work/colibri.log" 2>&1
if grep -F '[ERROR]' "$work/colibri.log" >&2 || [ -e "$work/lineage/colibri-parsing-errors.json" ]; then
  echo "docs: the lineage lacks columns (see above, and $work/colibri.log)" >&2
  exit 1
fi
cp "$work/lineage/index.html" "$folder/lineage/index.html"

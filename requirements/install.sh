#!/usr/bin/env bash
# Makes .venv from the hashed locks: `make` calls it when a lock has changed. One line a step; the tools' own output is
# in .venv/install.log, and on the terminal where a step fails.
set -euo pipefail
cd "$(dirname "$0")/.."

log=.venv/install.log
UV_CACHE_DIR=$(requirements/cache.sh)
export UV_CACHE_DIR

is_supported() {
  "$1" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

# Whether PYTHON, where it is set, is of another release than .venv.
is_another_asked_for() {
  local release='import sys; print(sys.version_info[:2])'
  [ -n "${PYTHON:-}" ] && [ "$("$PYTHON" -c "$release")" != "$(.venv/bin/python -c "$release")" ]
}

step() {
  local title=$1
  shift
  printf '  %s\n' "$title"
  printf '\n== %s\n' "$title" >>"$log"
  if ! "$@" >>"$log" 2>&1; then
    tail -n 25 "$log" >&2
    printf 'Installing stopped at: %s\nThe whole log: %s\n' "$title" "$log" >&2
    exit 1
  fi
}

if is_supported .venv/bin/python && ! is_another_asked_for && .venv/bin/python -m pip --version >/dev/null 2>&1; then
  : >"$log"
else
  python=$(requirements/python.sh)
  rm -rf .venv
  mkdir .venv
  step "virtual environment .venv ($("$python" --version))" "$python" -m venv .venv
fi
# Python compiles a module where it is imported first, on one core. Of these packages a demo imports nearly all: it would
# spend seconds on them, one after another.
compile_what_runs() {
  local name imported=()
  for name in prefect dbt dbt_common dbt_semantic_interfaces sqlalchemy alembic pydantic fastapi starlette griffe botocore \
    agate jinja2 networkx rich structlog werkzeug cryptography pygments markdown_it httpx \
    anyio attr boto3 charset_normalizer click daff dateutil filelock flask h11 h2 hpack httpcore isodate jmespath jsonschema \
    leather mashumaro moto/core moto/moto_api moto/moto_server moto/s3 moto/utilities opentelemetry parsedatetime pendulum \
    pydantic_settings requests ruamel s3transfer snowplow_tracker sqlparse typer urllib3 uvicorn websockets yaml; do
    [ ! -d "$1/$name" ] || imported+=("$1/$name")
  done
  .venv/bin/python -m compileall -q -j 0 -x /tests/ "${imported[@]}"
}

packages=$(grep -o '^[^ =]*==' requirements/dev.txt | sort -u | wc -l)
step "uv, from requirements/uv.txt" .venv/bin/python -m pip install --quiet --require-hashes -r requirements/uv.txt
step "$packages packages, from requirements/dev.txt (hashes checked)" \
  .venv/bin/uv pip sync --python .venv/bin/python --require-hashes requirements/dev.txt
step "this repository, editable" \
  .venv/bin/uv pip install --python .venv/bin/python --no-deps --no-build-isolation --editable .
step "bytecode of what every run imports" compile_what_runs "$(echo .venv/lib/python3.*/site-packages)"
# Python reads this file in the locale's encoding, even in UTF-8 mode, and does not start where it cannot: in the C locale,
# of a path with an umlaut. A path from where the file lies is ASCII.
echo ../../../.. >"$(ls .venv/lib/python3.*/site-packages/_editable_impl_*.pth)"

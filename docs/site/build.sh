#!/usr/bin/env bash
# Builds the documentation's site into .site/html, with no network, and checks its links. `make docs` calls it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

parts=$PWD/.site/parts
rm -rf .site
mkdir -p "$parts"

step() {
  printf '  %s\n' "$1"
  shift
  "$@"
}

# Not with --quiet, by which --strict counts no warning.
mkdocs() {
  local said
  if ! said=$(SITE_DESCRIPTION=$(sed -n 's/^description = "\(.*\)"$/\1/p' pyproject.toml) NO_MKDOCS_2_WARNING=1 \
    .venv-docs/bin/mkdocs build --strict --config-file docs/site/mkdocs.yml 2>&1); then
    printf '%s\n' "$said" >&2
    return 1
  fi
}

echo "Building the documentation:"
step "contracts, judged by ODCS's schema (datacontract-cli)" .venv-datacontract/bin/python docs/site/contracts.py "$parts/contracts"
step "models and lineage, built of no rows (dbt docs, dbt-colibri)" docs/site/models.sh "$parts"
step "pages (mkdocs)" mkdocs
step "links between all of them, and that nothing is loaded from another host" .venv-docs/bin/python docs/site/check.py .site/html "${SITE_URL:-}"
echo "It is in .site/html. To read it: python3 -m http.server --bind 127.0.0.1 --directory .site/html 8000"

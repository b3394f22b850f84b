#!/usr/bin/env bash
# Prints where uv keeps its downloads: where it would by itself, below HOME; or beside the environments, where that
# directory cannot be written (an account without a home).
set -euo pipefail
cd "$(dirname "$0")/.."

usual=${UV_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/uv}
if mkdir -p "$usual" 2>/dev/null && [ -w "$usual" ]; then
  echo "$usual"
else
  echo "$PWD/.venv-cache/uv"
fi

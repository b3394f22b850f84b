#!/usr/bin/env bash
# Prints the path of a CPython that can make virtual environments: the one that PYTHON names, else an installed 3.11 (which
# the images run), 3.12 or 3.13, in this order, else a managed 3.11, which uv downloads. The uv is the one on the PATH, else one that any Python from 3.9 on installs, by the hashes of
# requirements/uv.txt. What is done is said on stderr. Exit code 2 where there is neither Python nor uv to begin with.
set -euo pipefail
cd "$(dirname "$0")/.."

bootstrap=.venv-bootstrap
log=.venv-bootstrap.log

say() { printf '  %s\n' "$1" >&2; }

# Our own environment is about to be made anew.
is_ours() { [[ $(command -v "$1") == "$PWD"/.venv/* ]]; }

# succeeds PYTHON CODE: whether PYTHON runs CODE without an error.
succeeds() { "$1" -c "$2" >/dev/null 2>&1; }

# is_cpython PYTHON MINOR...: whether PYTHON is a CPython of one of these releases of Python 3.
is_cpython() {
  local code='import sys; major, minor = sys.version_info[:2]
raise SystemExit(sys.implementation.name != "cpython" or major != 3 or str(minor) not in sys.argv[1:])'
  "$1" -c "$code" "${@:2}" >/dev/null 2>&1
}

is_from_39_on() { succeeds "$1" 'import sys; raise SystemExit(sys.version_info < (3, 9))'; }
makes_environments() { succeeds "$1" 'import ensurepip, venv'; }
has_pip() { succeeds "$1" 'import pip'; }

# is_usable PYTHON MINOR...: whether it is one of these, and can make environments; where it cannot, says so.
is_usable() {
  local release
  if ! is_cpython "$@" || is_ours "$1"; then
    return 1
  elif ! makes_environments "$1"; then
    release=$("$1" --version)
    release=${release#Python }
    say "$1 cannot make virtual environments (Debian and Ubuntu: apt install python${release%.*}-venv)"
    return 1
  fi
}

installed_python() {
  local candidate minor
  if [ -n "${PYTHON:-}" ] && is_usable "$PYTHON" 11 12 13; then
    command -v "$PYTHON"
    return
  fi
  for minor in 11 12 13; do
    for candidate in "python3.$minor" python3 python; do
      if is_usable "$candidate" "$minor"; then
        command -v "$candidate"
        return
      fi
    done
  done
  return 1
}

# attempt TITLE COMMAND...: says TITLE and runs COMMAND; where it fails, shows what it wrote and gives up.
attempt() {
  local title=$1
  shift
  say "$title"
  if ! "$@" >"$log" 2>&1; then
    tail -n 25 "$log" >&2
    printf 'This failed: %s\n' "$title" >&2
    ways
    exit 1
  fi
}

ways() {
  cat >&2 <<'MESSAGE'
CPython 3.11, 3.12 or 3.13 with venv is needed. One of these gives it:
  Debian, Ubuntu   apt install python3 python3-venv
  macOS            brew install python@3.11
  anywhere         uv on the PATH, or a Python from 3.9 on with pip or venv: then `make` gets a CPython 3.11 by itself
  behind a proxy   UV_PYTHON_INSTALL_MIRROR names where else uv finds its Pythons
or name one: make PYTHON=/path/to/python3
MESSAGE
}

# Installs uv into $bootstrap with the first Python that can. Succeeds where there is one.
bootstrap_uv() {
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} python3 python python3.14 python3.13 python3.12 python3.11 python3.10 python3.9; do
    if ! is_from_39_on "$candidate" || is_ours "$candidate"; then
      continue
    elif makes_environments "$candidate"; then
      attempt "uv, to get one, by $("$candidate" --version) ($(command -v "$candidate"))" install_uv_in_environment "$candidate"
    elif has_pip "$candidate"; then
      attempt "uv, to get one, by $("$candidate" --version) ($(command -v "$candidate"))" install_uv_by_pip "$candidate"
    else
      continue
    fi
    return
  done
  return 1
}

install_uv_in_environment() {
  "$1" -m venv --clear "$bootstrap" && "$bootstrap/bin/python" -m pip install --quiet --require-hashes -r <(any_version)
}

install_uv_by_pip() {
  "$1" -m pip install --quiet --require-hashes --target "$bootstrap" -r <(any_version)
}

# The lock of uv, whose condition is that of our environment: uv itself runs beside any Python.
any_version() { sed 's/ ; [^\\]*//' requirements/uv.txt; }

# Where uv keeps its Pythons: as by itself, or beside the environments, where that directory cannot be written.
python_directory() {
  local usual=${UV_PYTHON_INSTALL_DIR:-${XDG_DATA_HOME:-${HOME:-/nonexistent}/.local/share}/uv/python}
  if mkdir -p "$usual" 2>/dev/null && [ -w "$usual" ]; then
    echo "$usual"
  else
    echo "$PWD/.venv-python"
  fi
}

managed_python() {
  local uv
  if uv=$(command -v uv) && "$uv" --version >/dev/null 2>&1; then
    say "no CPython 3.11, 3.12 or 3.13 was found; uv ($uv) provides a managed one"
  else
    say "no CPython 3.11, 3.12 or 3.13 was found, nor uv"
    rm -rf "$bootstrap"
    bootstrap_uv || return 1
    uv=$bootstrap/bin/uv
  fi
  UV_PYTHON_INSTALL_DIR=$(python_directory)
  # Nothing is put on the user's PATH, and only uv's own Pythons count, whatever the user's settings are.
  export UV_PYTHON_INSTALL_DIR UV_PYTHON_INSTALL_BIN=0 UV_PYTHON_PREFERENCE=only-managed
  attempt "a managed CPython 3.11, in $UV_PYTHON_INSTALL_DIR" "$uv" python install 3.11
  "$uv" python find --system 3.11
}

trap 'rm -rf "$bootstrap" "$log"' EXIT
installed_python || managed_python || {
  ways
  exit 2
}

"""The environment in which the peers are installed, and the command of each."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from bench.measure import Command

_SCRIPTS = Path(__file__).parent
_PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
_SLING = f"lib/{_PYTHON}/site-packages/sling_linux_amd64/bin/sling-linux-amd64"
_QUIET = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "WARNING",
    "SLING_DISABLE_TELEMETRY": "TRUE",
    "DO_NOT_TRACK": "1",
}


def adbc_loop(peers: Path, environment: Mapping[str, str]) -> Command:
    """Return the plain loop over ADBC."""
    return Command([peers / "bin/python", _SCRIPTS / "adbc_loop.py"], environment)


def dlt_pipeline(peers: Path, backend: str, environment: Mapping[str, str], folder: Path) -> Command:
    """Return dlt with one of its backends. It keeps its state in `folder`."""
    arguments = [peers / "bin/python", _SCRIPTS / "dlt_postgres.py", backend, folder / "pipelines"]
    return Command(arguments, {**environment, **_QUIET, "DLT_DATA_DIR": str(folder)})


def dlt_rest_api(peers: Path, environment: Mapping[str, str], folder: Path) -> Command:
    """Return dlt's source for REST APIs. It keeps its state in `folder`."""
    arguments = [peers / "bin/python", _SCRIPTS / "dlt_rest_api.py", folder / "pipelines"]
    return Command(arguments, {**environment, **_QUIET, "DLT_DATA_DIR": str(folder)})


def duckdb_copy(peers: Path, environment: Mapping[str, str]) -> Command:
    """Return a copy by DuckDB's extension for Postgres."""
    return Command([peers / "bin/python", _SCRIPTS / "duckdb_postgres.py"], environment)


def sling(peers: Path, environment: Mapping[str, str], folder: Path) -> Command:
    """Return Sling to CSV with zstd, because its path to Parquet downloads another program."""
    variables = {
        **environment,
        **_QUIET,
        "HOME": str(folder),
        "SLING_HOME_DIR": str(folder),
        "SHOP": f"{environment['POSTGRES_DSN']}?sslmode=disable",
        "LAKE": _sling_s3(environment),
    }
    arguments = [
        peers / _SLING,
        "run",
        *("--src-conn", "SHOP", "--src-stream", "public.stock_movements"),
        *("--tgt-conn", "LAKE", "--tgt-object", f"s3://{environment['RAW_BUCKET']}/sling/stock_movements.csv"),
        *("--tgt-options", "{compression: zstd, format: csv}"),
        *("--mode", "full-refresh"),
    ]
    return Command(arguments, variables)


def has_sling(peers: Path) -> bool:
    """Return whether Sling is available. Its program is packaged only for Linux on x86-64."""
    return (peers / _SLING).exists()


def _sling_s3(environment: Mapping[str, str]) -> str:
    options = {
        "type": "s3",
        "bucket": environment["RAW_BUCKET"],
        "access_key_id": environment["AWS_ACCESS_KEY_ID"],
        "secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
        "endpoint": environment["AWS_ENDPOINT_URL"],
        "url_style": "path",
        "region": environment["AWS_REGION"],
    }
    return "{" + ", ".join(f"{name}: '{value}'" for name, value in options.items()) + "}"

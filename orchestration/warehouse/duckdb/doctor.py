"""`python -m orchestration.warehouse doctor` on DuckDB: it has no account, but a file, a lock, a disk and a lake."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

from ingest.errors import ConfigurationError, ConflictError
from ingest.findings import Check, NotSeenError, Seen, wrong
from ingest.lake.objects.store import ObjectStore
from orchestration.warehouse.duckdb.query import run_query
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse

_LEAST_FREE = 2**30


def checks(warehouse: DuckDBWarehouse, store: ObjectStore) -> Iterator[Check]:
    """Yield all checks of the DuckDB warehouse."""
    yield Check("account", "WAREHOUSE=snowflake, where there is one", _no_account)
    yield Check("file", "opens, or is in use by a run", partial(_opens, warehouse))
    yield Check("published copy", "answers a query", partial(_answers, warehouse.published_path))
    yield Check("free space", "1 GB, and twice the file: publication copies it", partial(_room, warehouse.path))
    yield Check("lake", "the bucket answers", partial(_lake, store))


def _no_account() -> Seen:
    raise NotSeenError("WAREHOUSE=duckdb: there is no account, the warehouse is a file")


def _opens(warehouse: DuckDBWarehouse) -> Seen:
    if not warehouse.path.exists():
        raise NotSeenError(
            f"there is no {warehouse.path} yet", advice="`python -m orchestration.warehouse load` makes it."
        )
    try:
        with warehouse.inspect("doctor", wait=timedelta(0)) as session:
            [(tables,)] = session.query("SELECT count(*) FROM information_schema.tables")
    except ConflictError as error:
        return Seen(error.message)
    return Seen(f"{warehouse.path}: {tables} tables and views")


def _answers(published: Path) -> Seen:
    if not published.exists():
        raise NotSeenError("nothing is published yet", advice="`python orchestration/prefect/flow.py` publishes.")
    try:
        [(tables,)] = run_query(published, "select count(*) from information_schema.tables", limit=None).rows
    except ConfigurationError as error:
        return wrong(error.message, "Publish again: `python orchestration/prefect/flow.py`.")
    return Seen(f"{published}: {tables} tables")


def _room(path: Path) -> Seen:
    folder = next(folder for folder in (path.parent, *path.parent.parents) if folder.exists())
    size = path.stat().st_size if path.exists() else 0
    free = shutil.disk_usage(folder).free
    seen = f"{free / 1e9:.1f} GB free of {folder}, the file has {size / 1e9:.1f} GB"
    if free < max(_LEAST_FREE, 2 * size):
        return wrong(seen, "Make room, or move WAREHOUSE_DIR to a larger disk.")
    return Seen(seen)


def _lake(store: ObjectStore) -> Seen:
    store.check()
    return Seen(f"s3://{store.bucket} does")

"""The warehouse's commands, without their printing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

from ingest.apart import Apart, Outcome
from ingest.contracts.registry import ContractRegistry
from ingest.errors import ConfigurationError
from ingest.findings import Finding, examine
from ingest.lake.objects.store import ObjectStore
from ingest.logs import run_id_now
from orchestration.runs import make_run_folder
from orchestration.settings import OrchestrationSettings, ReaderSettings, WarehouseKind
from orchestration.warehouse.answer import Answer
from orchestration.warehouse.cli.status import StreamStatus, stream_statuses
from orchestration.warehouse.connect import duckdb_warehouse, open_warehouse, snowflake_reader, snowflake_warehouse
from orchestration.warehouse.duckdb import doctor as duckdb_doctor
from orchestration.warehouse.duckdb.publish import published_file
from orchestration.warehouse.duckdb.query import QueryLimits, answer_from, run_query
from orchestration.warehouse.loader import Loader, LoadResult, load_streams
from orchestration.warehouse.protocol import Warehouse

if TYPE_CHECKING:
    from orchestration.warehouse.snowflake.copy_history import HistoryCheck

Waiting = Callable[[str], None]


def load(streams: Sequence[str], *, wait_seconds: float, on_wait: Waiting) -> list[Outcome[LoadResult]]:
    """Load streams (an empty list means all). Raises PlatformError if nothing could be loaded."""
    settings = OrchestrationSettings.load()
    contracts = ContractRegistry.load(settings.contracts_dir).select(streams)
    run_id = run_id_now()
    warehouse = open_warehouse(settings, run_id=run_id, wait=timedelta(seconds=wait_seconds), on_wait=on_wait)
    loader = _loader(settings, run_id)
    with warehouse.lock(run_id, wait=timedelta(seconds=wait_seconds)), warehouse.connect() as session:
        return load_streams(loader, session, contracts, concurrency=settings.load_concurrency)


def reload(stream: str, *, wait_seconds: float, on_wait: Waiting) -> list[Outcome[LoadResult]]:
    """Drop a stream's tables and load it whole. If it is killed in between, the next load finishes it."""
    settings = OrchestrationSettings.load()
    [contract] = ContractRegistry.load(settings.contracts_dir).select([stream])
    run_id = run_id_now()
    warehouse = open_warehouse(settings, run_id=run_id, wait=timedelta(seconds=wait_seconds), on_wait=on_wait)
    loader = _loader(settings, run_id)
    with warehouse.lock(run_id, wait=timedelta(seconds=wait_seconds)), warehouse.connect() as session:
        _forget_what_was_built(settings, warehouse)
        loader.forget(session, contract)
        return load_streams(loader, session, [contract], concurrency=1)


def mend_snapshots(*, wait_seconds: float, on_wait: Waiting) -> tuple[str, ...]:
    """Repair broken histories of dbt's snapshots. Return a line for each snapshot. Raises PlatformError."""
    from orchestration.dbt.project import dbt_project
    from orchestration.dbt.runner import DbtRunner

    settings = OrchestrationSettings.load()
    run_id = run_id_now()
    wait = timedelta(seconds=wait_seconds)
    warehouse = open_warehouse(settings, run_id=run_id, wait=wait, on_wait=on_wait)
    folder = make_run_folder(settings.runs_dir, run_id, keep=settings.runs_kept)
    with warehouse.lock(run_id, wait=wait):
        _forget_what_was_built(settings, warehouse)
        return DbtRunner(dbt_project(settings, warehouse, folder), folder.path / "dbt").run_operation("mend_snapshots")


def _forget_what_was_built(settings: OrchestrationSettings, warehouse: Warehouse) -> None:
    """Make the next run build everything, because no version of a stream shows this command's change."""
    from orchestration.built.mark import BuiltMark

    BuiltMark(ObjectStore(settings.lake), warehouse.identity).forget()


def status(streams: Sequence[str], *, wait_seconds: float, on_wait: Waiting) -> Apart[StreamStatus]:
    """Return the status of streams (an empty list means all)."""
    settings = OrchestrationSettings.load()
    contracts = ContractRegistry.load(settings.contracts_dir).select(streams)
    run_id = run_id_now()
    warehouse = open_warehouse(settings, run_id=run_id, wait=timedelta(seconds=wait_seconds), on_wait=on_wait)
    store = ObjectStore(settings.lake)
    with warehouse.inspect(run_id, wait=timedelta(seconds=wait_seconds)) as session:
        return stream_statuses(store, session, settings.schemas.raw, contracts)


def history(streams: Sequence[str], *, days: int) -> list[HistoryCheck]:
    """Compare the ledger of streams (an empty list means all) with Snowflake's COPY_HISTORY."""
    settings = OrchestrationSettings.load()
    if settings.warehouse is not WarehouseKind.SNOWFLAKE:
        raise ConfigurationError(
            f"WAREHOUSE={settings.warehouse.value} keeps no history of loads", hint="Set WAREHOUSE=snowflake."
        )
    from orchestration.warehouse.snowflake.copy_history import check_history

    contracts = ContractRegistry.load(settings.contracts_dir).select(streams)
    store = ObjectStore(settings.lake)
    run_id = run_id_now()
    with snowflake_warehouse(settings, run_id=run_id).connect() as session:
        return [check_history(store, session, settings.schemas.raw, contract, days=days) for contract in contracts]


def doctor(
    streams: Sequence[str], *, generation: str, on_check: Waiting, on_note: Callable[[str], None]
) -> list[Finding]:
    """Return the findings on the warehouse that the settings name. `on_note` gets remarks to print beside them."""
    settings = OrchestrationSettings.load()
    contracts = ContractRegistry.load(settings.contracts_dir).select(streams)
    store = ObjectStore(settings.lake)
    if settings.warehouse is not WarehouseKind.SNOWFLAKE:
        on_note(f"WAREHOUSE={settings.warehouse.value}: there is no account to look at; these are its files.")
        return list(examine(duckdb_doctor.checks(duckdb_warehouse(settings), store), on_check=on_check))
    from orchestration.warehouse.snowflake.doctor.account import Account
    from orchestration.warehouse.snowflake.doctor.examination import checks
    from orchestration.warehouse.snowflake.settings import SnowflakeSettings

    account = Account(
        SnowflakeSettings.load(), settings.database, settings.schemas, contracts, store, run_id=run_id_now()
    )
    with closing(account):
        found = list(examine(checks(account, generation=generation), on_check=on_check))
    for key in sorted(account.left_behind):
        on_note(
            f"{key} is left, which nothing reads: these AWS credentials may not delete it. It expires within two days."
        )
    return found


def query(sql: str, *, limit: int | None) -> Answer:
    """Return the result of one SQL query on the readers' data: DuckDB's published file, Snowflake's marts."""
    settings = ReaderSettings.load()
    if settings.warehouse is WarehouseKind.SNOWFLAKE:
        from orchestration.warehouse.snowflake.query import run_query as run_in_snowflake

        return run_in_snowflake(snowflake_reader(settings), sql, limit=limit)
    published = published_file(settings.warehouse_dir, settings.database)
    return run_query(published, sql, limit=limit, limits=_limits(settings))


def inspect(sql: str, *, limit: int | None, wait_seconds: float, on_wait: Waiting) -> Answer:
    """Return the result of one SQL query on all data that runs write, including RAW and STAGING. Nothing is written.

    With DuckDB no run can write during the query, because its file takes one process at a time.
    """
    settings = OrchestrationSettings.load()
    run_id = run_id_now()
    if settings.warehouse is WarehouseKind.SNOWFLAKE:
        from orchestration.warehouse.snowflake.query import run_reading_query

        return run_reading_query(snowflake_warehouse(settings, run_id=run_id).auditor, sql, limit=limit)
    warehouse = duckdb_warehouse(settings, on_wait=on_wait)
    if not warehouse.path.exists():
        raise ConfigurationError(
            f"there is no warehouse {warehouse.path} yet",
            hint="Run the flow once (`python orchestration/prefect/flow.py`), or correct WAREHOUSE_DIR.",
        )
    with warehouse.lock(run_id, wait=timedelta(seconds=wait_seconds)):
        return answer_from(warehouse.path, sql, limit=limit, limits=_limits(settings))


def _limits(settings: ReaderSettings) -> QueryLimits:
    return QueryLimits(memory=settings.duckdb_memory_limit, seconds=settings.query_timeout_seconds)


def _loader(settings: OrchestrationSettings, run_id: str) -> Loader:
    return Loader(
        ObjectStore(settings.lake),
        settings.schemas.raw,
        run_id=run_id,
        wait_budget_seconds=settings.load_wait_budget_seconds,
    )

"""The running platform: its stack, its API, its sources, its alerts, and the check that all is equal."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx
import psycopg2
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from ingest.contracts.registry import ContractRegistry
from ingest.lake.objects.store import ObjectStore
from ingest.settings import IngestSettings, LakeSettings
from local.servers.shop import Shop
from postgres.activity.advance import latest_business_time
from postgres.connection import connected
from tests.chaos.comparison.judge import Judge
from tests.chaos.comparison.warehouse_side import DATABASE, database_file
from tests.e2e.prefect_api import PrefectApi, Run
from tests.e2e.provider import Provider
from tests.e2e.stack import Stack
from tests.marts import assert_marts_equal_sources, landed_events
from tests.personal_data import traces

STREAMS = 9


@dataclass(frozen=True)
class Alerts:
    """The receiver of alerts at `url`."""

    url: str

    def received(self) -> list[dict[str, Any]]:
        """Return all bodies, the oldest first."""
        answer: list[dict[str, Any]] = httpx.get(self.url, trust_env=False, timeout=10).raise_for_status().json()
        return answer

    def about(self, run: Run) -> list[dict[str, Any]]:
        """Return the alerts that link to a flow run."""
        return [body for body in self.received() if run.id in str(body)]


@dataclass(frozen=True)
class Warehouse:
    """A copy of the warehouse's files: the one that runs write, and the published one."""

    directory: Path

    @contextmanager
    def published(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield the published file, read-only."""
        with duckdb.connect(str(self.published_path), read_only=True) as connection:
            yield connection

    @property
    def published_path(self) -> Path:
        """The file that readers open."""
        return self.directory / "published" / f"{DATABASE}.duckdb"


@dataclass(frozen=True)
class Platform:
    """The running platform with its parts. `folder` is for copies of the warehouse."""

    stack: Stack
    prefect: PrefectApi
    shop: Shop
    provider: Provider
    alerts: Alerts
    lake: LakeSettings
    folder: Path = field(repr=False)

    def metrics(self) -> dict[str, float]:
        """Return the agent's metrics, by name without its prefix and by values of labels."""
        answer = httpx.get(f"http://127.0.0.1:{self.stack.ports.metrics}/metrics", trust_env=False, timeout=10)
        return {
            " ".join([sample.name.removeprefix("dp_mailblaze_"), *sample.labels.values()]): sample.value
            for family in text_string_to_metric_families(answer.raise_for_status().text)
            for sample in family.samples
        }

    def full(self) -> Run:
        """Start a run of everything, and wait for its end."""
        return self.prefect.ended(self.prefect.start("full"))

    def live_on(self, span: timedelta = timedelta(hours=6)) -> None:
        """Advance the shop and the provider by `span`."""
        with connected(self.shop.owner_dsn, application_name="e2e") as connection:
            now = latest_business_time(connection)
        assert now is not None
        self.shop.advance(business_now=now, span=span, seed=round(now.timestamp()))
        self.provider.advance_clock(span)

    def recover(self) -> None:
        """Do the next run, which must complete and make all equal by the tests' comparison."""
        self.require_complete(self.full())
        self.require_equal()

    def require_complete(self, run: Run) -> None:
        """Check that a run completed, and that its own reconciliation found all streams equal."""
        run.require_completed()
        rows = self.prefect.artifacts(run.id)["run-reconciliation"]
        assert len(rows) == STREAMS
        assert {row["equal"] for row in rows} == {"yes"}, rows

    def require_equal(self, *, landed_once: bool = True) -> None:
        """Check that sources, lake, RAW and staging hold the same rows, and that the marts agree with the sources.

        Without `landed_once`, versions of rows may have been landed twice, as after a backfill.
        """
        contracts = list(ContractRegistry.load().values())
        warehouse = self.warehouse()
        judge = Judge(self._ingest_settings, self._store, warehouse.directory)
        judge.judge(contracts, landed_once=landed_once).require_innocent()
        assert_marts_equal_sources(_Sides(self, warehouse))
        people = [text for row in self.source("select email, full_name from customers") for text in row]
        assert traces(warehouse.published_path, people) == [], "the published file names people"

    def warehouse(self) -> Warehouse:
        """Return a fresh copy of the warehouse, taken while no run writes it."""
        directory = self.folder / "warehouse"
        shutil.rmtree(directory, ignore_errors=True)
        (directory / "published").mkdir(parents=True)
        copy = Warehouse(directory)
        file = database_file(directory)
        self.stack.copy_out("prefect_agent", f"/warehouse/{file.name}", file)
        self.stack.copy_out("prefect_agent", f"/warehouse/published/{file.name}", copy.published_path)
        return copy

    def source(self, query: str) -> list[tuple[Any, ...]]:
        """Run a query on the shop, as its owner."""
        with closing(psycopg2.connect(self.shop.owner_dsn)) as connection, connection.cursor() as cursor:
            cursor.execute("set timezone to 'UTC'")
            cursor.execute(query)
            return cursor.fetchall()

    @property
    def _store(self) -> ObjectStore:
        return ObjectStore(self.lake)

    @property
    def _ingest_settings(self) -> IngestSettings:
        return IngestSettings(
            environment="dev",
            postgres_dsn=SecretStr(self.shop.ingest_dsn),
            saas_base_url=self.provider.url,
            saas_api_key=SecretStr(self.provider.api_key),
            lake=self.lake,
        )


@dataclass(frozen=True)
class _Sides:
    """The platform at rest, in the form that the comparison of marts needs."""

    platform: Platform
    warehouse: Warehouse

    def mart(self, query: str) -> list[tuple[Any, ...]]:
        with self.warehouse.published() as connection:
            return connection.execute(query).fetchall()

    def source(self, query: str) -> list[tuple[Any, ...]]:
        return self.platform.source(query)

    def events(self) -> list[dict[str, Any]]:
        provider = self.platform.provider
        return landed_events(self.platform._store, provider.url, provider.api_key)

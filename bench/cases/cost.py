"""The demo's shop, hour by hour: what a run reads, writes and asks for. docs/COST.md is worked out from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.case import Case, Measured
from bench.cases.lakes import commits, kept_keys, newest
from bench.measure import Command, Sample, run
from bench.results import Series
from bench.world import Lake, World, python
from ingest.contracts.registry import ContractRegistry
from ingest.lake.commit import Commit, CommitKind
from ingest.lake.store import StoredObject
from local.servers.saas_server import start_saas
from local.servers.shop import ShopPasswords, make_shop
from local.stack import StackOptions
from orchestration.settings import REPOSITORY, OrchestrationSettings

HOURS = 3
INGEST, LOAD, DBT = "ingest run", "python -m orchestration.warehouse load", "dbt build"
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_REST = ", the rest of the day"


@dataclass(frozen=True)
class _Landed:
    """What some commits hold: of data, and of keys: tombstones, and what is kept beside the log to find them."""

    versions: int
    rows: int
    files: int
    bytes: int
    keys: int
    key_files: int
    key_bytes: int

    @classmethod
    def of(cls, found: list[Commit], beside: list[StoredObject]) -> _Landed:
        """`beside` are the objects beside the log that these commits have brought."""
        data = [commit for commit in found if commit.kind is not CommitKind.DELETES]
        keys = [commit for commit in found if commit.kind is CommitKind.DELETES]
        return cls(
            versions=len(found),
            rows=sum(commit.rows for commit in data),
            files=sum(len(commit.files) for commit in data),
            bytes=sum(commit.size for commit in data),
            keys=sum(commit.rows for commit in keys),
            key_files=sum(len(commit.files) for commit in keys) + len(beside),
            key_bytes=sum(commit.size for commit in keys) + sum(item.bytes for item in beside),
        )


class _Line:
    """One lake, its sources and its warehouse; every step is a process that is measured."""

    def __init__(self, world: World, lake: Lake, folder: Path, sources: Mapping[str, str]) -> None:
        self._lake = lake
        self._folder = folder
        self._streams = list(ContractRegistry.load())
        self._environment = world.environment(lake.environment, sources, self._warehouse)
        self.samples: dict[str, list[Sample]] = {}
        self.requests: dict[str, dict[str, int]] = {}

    @property
    def _warehouse(self) -> dict[str, str]:
        return {
            "WAREHOUSE": "duckdb",
            "WAREHOUSE_DIR": str(self._folder),
            "DUCKDB_PATH": str(self.database),
            "DBT_TARGET_PATH": str(self._folder / "target"),
            "DBT_LOG_PATH": str(self._folder / "logs"),
            "DBT_THREADS": str(OrchestrationSettings.model_fields["dbt_threads"].default),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }

    @property
    def database(self) -> Path:
        return self._folder / f"{OrchestrationSettings.model_fields['database'].default}.duckdb"

    def run(self, suffix: str) -> _Landed:
        """Ingest, load and build, as the flow does. What was landed."""
        before = {stream: len(commits(self._lake, stream)) for stream in self._streams}
        known = {item.key for item in kept_keys(self._lake)}
        self._step(f"{INGEST}{suffix}", [python(), "-m", "ingest", "run"])
        self._step(f"{LOAD}{suffix}", [python(), "-m", "orchestration.warehouse", "load"])
        project = REPOSITORY / "dbt"
        self._step(
            f"{DBT}{suffix}",
            [
                Path(python()).with_name("dbt"),
                "--no-use-colors",
                "--log-format-file=json",
                "--log-level-file=debug",
                "build",
                "--exclude=resource_type:unit_test",
                "--project-dir",
                project,
                "--profiles-dir",
                project,
            ],
        )
        after = {stream: commits(self._lake, stream) for stream in self._streams}
        new = [commit for stream, found in after.items() for commit in found[before[stream] :]]
        return _Landed.of(new, [item for item in kept_keys(self._lake) if item.key not in known])

    def keys(self) -> int:
        """How many keys the newest sets of all streams hold."""
        marks = (newest(self._lake, stream).key_set for stream in self._streams)
        return sum(mark.rows for mark in marks if mark)

    def statements(self) -> int:
        """Statements of the newest dbt run; its log is then begun anew."""
        log = self._folder / "logs" / "dbt.log"
        events = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        log.unlink()
        return sum(event["info"]["name"] == "SQLQuery" for event in events)

    def nodes(self) -> tuple[int, float]:
        """How many nodes the newest dbt run had, and its seconds without dbt's own start."""
        results = json.loads((self._folder / "target" / "run_results.json").read_text())
        return len(results["results"]), float(results["elapsed_time"])

    def _step(self, name: str, arguments: list[object]) -> None:
        before = self._lake.requests()
        self.samples.setdefault(name, []).append(run(Command(arguments, self._environment)))
        spent = self._lake.requests()
        spent.subtract(before)
        self.requests[name] = dict(spent)


def measure(world: World) -> Measured:
    """A first run that lands everything; hours that go by, each with a run at its end; and the rest of that day."""
    now = datetime.now(UTC) - _DAY
    options = StackOptions(logs=world.logs, business_now=now, scale=world.scale.shop)
    shop = make_shop(world.postgres, ShopPasswords.generate(), "cost_shop")
    shop.seed(business_now=now, scale=options.scale, seed=options.seed)
    saas = start_saas(world.processes, options.saas, world.directory.path, world.logs).ready()
    sources = {"POSTGRES_DSN": shop.ingest_dsn, "SAAS_BASE_URL": saas.base_url, "SAAS_API_KEY": saas.api_key}
    with world.lake() as lake, world.folder("cost") as folder:
        line = _Line(world, lake, folder, sources)
        first = line.run(", everything")
        line.statements()
        keys = line.keys()
        hours = []
        for hour in range(HOURS):
            shop.advance(business_now=now + hour * _HOUR, span=_HOUR, seed=options.seed + hour)
            saas.advance_clock(_HOUR)
            hours.append(line.run(", an hour"))
            statements = line.statements()
        nodes, seconds = line.nodes()
        so_far = HOURS * _HOUR
        shop.advance(business_now=now + so_far, span=_DAY - so_far, seed=options.seed + HOURS)
        saas.advance_clock(_DAY - so_far)
        figures = _figures(line, first, hours, line.run(_REST)) | {
            "everything: keys": keys,
            "an hour: dbt nodes": nodes,
            "an hour: dbt statements": statements,
            "an hour: seconds of dbt's nodes": round(seconds, 3),
            "everything and the day: DuckDB file, bytes": line.database.stat().st_size,
        }
    series = tuple(Series(name=name, samples=tuple(samples)) for name, samples in line.samples.items())
    return Measured(series, (), figures=figures)


def _figures(line: _Line, first: _Landed, hours: list[_Landed], rest: _Landed) -> dict[str, float]:
    def mean(of: Callable[[_Landed], int]) -> float:
        return round(sum(map(of, hours)) / len(hours), 1)

    ingest, load = line.requests[f"{INGEST}, an hour"], line.requests[f"{LOAD}, an hour"]
    return {
        "everything: rows": first.rows,
        "everything: files": first.files,
        "everything: bytes": first.bytes,
        "everything: bytes of keys": first.key_bytes,
        "an hour: versions": mean(lambda hour: hour.versions),
        "an hour: rows": mean(lambda hour: hour.rows),
        "an hour: files": mean(lambda hour: hour.files),
        "an hour: bytes": mean(lambda hour: hour.bytes),
        "an hour: files of keys": mean(lambda hour: hour.key_files),
        "an hour: keys": mean(lambda hour: hour.keys),
        "an hour: bytes of keys": mean(lambda hour: hour.key_bytes),
        "the rest of the day: rows": rest.rows,
        "the rest of the day: files": rest.files,
        "the rest of the day: bytes": rest.bytes,
        "an hour: S3 PUT and LIST of ingest": ingest.get("put", 0),
        "an hour: S3 GET of ingest": ingest.get("get", 0),
        "an hour: S3 GET of the loader": load.get("get", 0),
    }


CASE = Case(
    "cost",
    "The demo, hour by hour",
    "The demo's shop and e-mail provider: everything is landed, loaded and built, then three hours go by, with a run "
    "after each, and the rest of that day, with one run. An hour's counts are the mean of three, its requests and "
    "statements those of the last one. [COST.md](COST.md) is worked out from this.",
    measure,
)

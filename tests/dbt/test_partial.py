"""A build of only the changed part leaves the same marts as a build of everything.

PARTIAL_EXAMPLES=20 draws as many histories. Each run of a history compares all tables of both builds.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingest.contracts.model import StreamContract
from ingest.contracts.registry import ContractRegistry
from orchestration.built.mark import Built, StreamVersion
from orchestration.built.plan import BUSINESS_DAY, Present, plan
from orchestration.warehouse.ddl import stream_tables
from tests.dbt.conftest import SALT, dbt_on
from tests.dbt.running.project import Dbt
from tests.dbt.running.raw_database import RawDatabase, Row
from tests.dbt.world.history import live_through_a_round, open_shop
from tests.dbt.world.shop import Shop

CONTRACTS = ContractRegistry.load()
TABLES = {table.name: stream for stream in CONTRACTS for table in stream_tables(CONTRACTS[stream], "raw")}
LEDGER = "_loads"
PACKAGE = "dp_mailblaze_demo"
EXAMPLES = int(os.environ.get("PARTIAL_EXAMPLES", "2"))
CLOCK = re.compile(r"run_started_at|BUSINESS_NOW|current_timestamp|current_date|\bnow\(\)|\bsysdate\b", re.IGNORECASE)
NO_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")


@dataclass(frozen=True)
class Manifest:
    """dbt's description of the project after a build."""

    document: Mapping[str, Any]

    @cached_property
    def nodes(self) -> dict[str, dict[str, Any]]:
        """All nodes that a build runs, by their identifiers."""
        return {key: node for key, node in self.document["nodes"].items() if node["resource_type"] != "unit_test"}

    @cached_property
    def macros_that_know_the_time(self) -> set[str]:
        """Names of the project's macros that read the clock, or call one that does."""
        own = {
            macro["name"]: re.sub(r"\{#.*?#\}", "", macro["macro_sql"], flags=re.DOTALL)
            for macro in self.document["macros"].values()
            if macro["package_name"] == self.document["metadata"]["project_name"]
        }
        found = {name for name, text in own.items() if CLOCK.search(text)}
        while more := {name for name, text in own.items() if calls(text, found - {name})} - found:
            found |= more
        return found

    def knows_the_time(self, node: Mapping[str, Any]) -> bool:
        """Return whether a node, or a hook of it, reads the clock."""
        text = node["raw_code"] + json.dumps(node["config"])
        return bool(CLOCK.search(text)) or calls(text, self.macros_that_know_the_time)

    def above(self, key: str) -> set[str]:
        """Return a node and everything that it depends on, including sources."""
        found, ahead = set(), {key}
        while ahead:
            found |= ahead
            ahead = {
                parent
                for one in ahead
                for parent in self.nodes.get(one, {}).get("depends_on", {}).get("nodes", ())
                if parent not in found
            }
        return found

    def tables_above(self, key: str) -> set[str]:
        """Return the tables of RAW that the node depends on."""
        return {one.rsplit(".", 1)[1] for one in self.above(key) if one.startswith("source.")}


def calls(text: str, macros: set[str]) -> bool:
    """Return whether the text calls one of the macros. A dialect's macros count by their common name."""
    return any(re.search(rf"\b{re.escape(name.split('__')[-1])}\s*\(", text) for name in macros)


@pytest.fixture(scope="module")
def manifest(built: RawDatabase) -> Manifest:
    return Manifest(json.loads((built.path.parent / "target" / "manifest.json").read_text()))


def test_what_knows_the_day_is_built_when_it_has_changed(manifest: Manifest) -> None:
    """Models declare it by a tag; a test runs with its models."""
    tagged = {key for key, node in manifest.nodes.items() if BUSINESS_DAY in node["tags"]}
    knowing = {key for key, node in manifest.nodes.items() if manifest.knows_the_time(node)}
    assert {"business_day", "landed_until", "calendar_day"} <= manifest.macros_that_know_the_time
    assert len(knowing) > 10
    for key in knowing:
        assert manifest.above(key) & tagged, f"{key} knows the day: give it the tag {BUSINESS_DAY}"
    models = {key for key in knowing if manifest.nodes[key]["resource_type"] != "test"}
    assert models <= tagged, f"give them the tag {BUSINESS_DAY}: {sorted(models - tagged)}"
    assert tagged <= knowing, f"they do not know the day: {sorted(tagged - knowing)}"


def test_what_reads_the_ledger_of_a_stream_is_built_with_that_stream(manifest: Manifest) -> None:
    """The ledger has rows of all streams, so a node that reads it names the streams that it depends on."""
    readers = [
        key for key, node in manifest.nodes.items() if f"source.{PACKAGE}.raw.{LEDGER}" in node["depends_on"]["nodes"]
    ]
    assert len(readers) > 10
    for key in readers:
        node = manifest.nodes[key]
        named = set(re.findall(r"\bstream\s*=\s*'(\w+)'", node.get("compiled_code") or node["raw_code"]))
        named |= {str(node["config"]["meta"]["stream"])} if node["resource_type"] == "snapshot" else set()
        assert named, f"{key} reads the ledger of no stream that it names"
        missing = named - manifest.tables_above(key)
        assert not missing, f"{key} reads the ledger of {sorted(missing)}: let it depend on source('raw', ...)"


def test_whatever_is_read_is_a_stream_its_keys_or_the_ledger(manifest: Manifest) -> None:
    """A node that read another source would not be built after a change of it; a view need not be."""
    sources = {source["name"] for source in manifest.document["sources"].values() if source["source_name"] == "raw"}
    assert sources == {*TABLES, LEDGER}
    for key, node in manifest.nodes.items():
        others = [one for one in node["depends_on"]["nodes"] if one.startswith("source.") and ".raw." not in one]
        assert not others or node["resource_type"] == "test" or node["config"]["materialized"] == "view", key
    of_no_stream = {node["name"] for key, node in manifest.nodes.items() if not manifest.tables_above(key)}
    assert {name for name in of_no_stream if name.startswith(("dim_", "fct_", "int_", "stg_"))} == {
        "dim_date",
        "dim_holiday",
    }


def test_news_of_campaigns_alone_build_less_than_two_fifths(built: RawDatabase, tmp_path: Path) -> None:
    """It counts nodes, tests included, because the number of statements follows from them."""
    half = Half.of(RawDatabase(Path(shutil.copy(built.path, tmp_path)), built.contracts), tmp_path)
    everything = json.loads((built.path.parent / "target" / "run_results.json").read_text())["results"]
    [campaign] = half.raw.query("select campaign_id, updated_at, payload from RAW.campaigns limit 1")
    row = dict(zip(("campaign_id", "updated_at", "payload"), campaign, strict=True))
    before = half.versions
    half.raw.land("campaigns", [row | {"updated_at": row["updated_at"] + timedelta(days=1)}], row["updated_at"])
    planned = plan(half.built_from(before, DAY), half.present(DAY), whole_every=timedelta(days=1))
    selected = [f"--select={item}" for item in planned.selection(list(CONTRACTS.values()))]
    ran = half.dbt.succeed("build", *selected, "--exclude-resource-type", "unit_test", EMAIL_SALT=SALT).statuses()
    assert {"stg_campaigns", "snap_campaigns", "dim_campaign", "int_campaign_mentions"} <= set(ran)
    assert not {"dim_customer", "dim_date", "fct_inventory_daily"} & set(ran)
    assert len(ran) <= 0.4 * len(everything)


DAY = date(2026, 6, 15)


@dataclass(frozen=True)
class Half:
    """One of two databases, and dbt on it."""

    raw: RawDatabase
    dbt: Dbt

    @classmethod
    def of(cls, raw: RawDatabase, folder: Path) -> Half:
        return cls(raw, dbt_on(raw, folder))

    @property
    def versions(self) -> dict[str, StreamVersion]:
        """The newest version of each stream in the ledger."""
        newest = self.raw.query(f"select stream, max(version) from RAW.{LEDGER} group by all")
        return {stream: StreamVersion(version=version, batch_id=f"batch-{version}") for stream, version in newest}

    def present(self, day: date) -> Present:
        """Return the present state that a build would use."""
        return Present("p", (day, day), self.versions, datetime(2026, 1, 1, tzinfo=UTC))

    def built_from(self, versions: Mapping[str, StreamVersion], day: date) -> Built:
        """Return the mark of a publication."""
        at = datetime(2026, 1, 1, tzinfo=UTC)
        return Built(run_id="r", project="p", days=(day, day), streams=versions, whole_at=at, files="")

    def build(self, day: date, *selected: str) -> None:
        """Build the selected nodes on a business day, or everything; a build of everything also checks old rows."""
        arguments = [f"--select={item}" for item in selected]
        full = str(not selected).lower()
        self.dbt.succeed("build", *arguments, *NO_TESTS, BUSINESS_NOW=f"{day}T12:00:00Z", FULL_TESTS=full)

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return all rows of all tables that dbt makes, in a fixed order."""
        tables = self.raw.query(
            "select table_schema, table_name from information_schema.tables where table_schema <> 'RAW' order by all"
        )
        names = [f"{schema}.{table}" for schema, table in tables]
        return self.raw.queries({name: f"from {name} order by all" for name in names})


@dataclass(frozen=True)
class Both:
    """Two databases in which the same rows are landed."""

    partial: Half
    whole: Half
    contracts: Mapping[str, StreamContract]

    def land(self, stream: str, rows: Sequence[Row], at: datetime, *, kind: str = "data") -> int:
        """Land rows in both, as RawDatabase.land does."""
        self.whole.raw.land(stream, rows, at, kind=kind)
        return self.partial.raw.land(stream, rows, at, kind=kind)

    def land_keys(self, stream: str, keys: Sequence[Row], at: datetime) -> int:
        """Land keys in both, as RawDatabase.land_keys does."""
        self.whole.raw.land_keys(stream, keys, at)
        return self.partial.raw.land_keys(stream, keys, at)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, Half]:
    """A shop with a history, landed and built completely. Copy it."""
    folder = tmp_path_factory.mktemp("opened")
    half = Half.of(RawDatabase.create(folder), folder)
    shop = open_shop(Random(7))
    shop.land(half.raw, in_flight=timedelta(minutes=10))
    half.build(shop.now.date())
    return shop, half


def some_days() -> st.SearchStrategy[list[tuple[frozenset[str], int]]]:
    """Return a strategy for runs: the streams with new rows, perhaps none, and the number of business days later."""
    streams = st.frozensets(st.sampled_from(sorted(CONTRACTS)), max_size=4)
    return st.lists(st.tuples(streams, st.integers(0, 2)), min_size=3, max_size=4)


@pytest.mark.slow
@settings(
    max_examples=EXAMPLES,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(runs=some_days(), seed=st.integers(0, 10_000))
def test_partial_builds_leave_what_whole_builds_leave(
    opened: tuple[Shop, Half],
    tmp_path_factory: pytest.TempPathFactory,
    runs: list[tuple[frozenset[str], int]],
    seed: int,
) -> None:
    """In every table that dbt makes, row by row, after any changes of any streams over some days."""
    shop, half = deepcopy(opened[0]), opened[1]
    shop.rng = Random(seed)
    both = Both(copied(half, tmp_path_factory.mktemp("p")), copied(half, tmp_path_factory.mktemp("w")), CONTRACTS)
    day = shop.now.date()
    built = both.partial.built_from(both.partial.versions, day)
    for streams, days in runs:
        live_through_a_round(shop)
        if streams:
            shop.land(both, streams=sorted(streams), in_flight=timedelta(minutes=5))
        day += timedelta(days=days)
        planned = plan(built, both.partial.present(day), whole_every=timedelta(days=1))
        assert not planned.whole
        assert planned.is_nothing is not (streams or days)
        if not planned.is_nothing:
            both.partial.build(day, *planned.selection(list(CONTRACTS.values())))
        both.whole.build(day)
        built = both.partial.built_from(both.partial.versions, day)
        partial, whole = both.partial.rows(), both.whole.rows()
        assert partial.keys() == whole.keys()
        for table, rows in whole.items():
            assert partial[table] == rows, f"{table} after {planned}"


def copied(half: Half, folder: Path) -> Half:
    """Return a copy of the database in a folder of its own."""
    return Half.of(RawDatabase(Path(shutil.copy(half.raw.path, folder)), half.raw.contracts), folder)

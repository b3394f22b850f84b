"""`python -m orchestration.warehouse doctor` on DuckDB: without an account, it looks at file, copy, disk and lake."""

from __future__ import annotations

from collections import namedtuple
from datetime import timedelta

import pytest

from ingest.findings import Finding, examine
from ingest.lake.objects.store import ObjectStore
from orchestration.warehouse.duckdb.doctor import checks
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.orchestration.warehouse.test_commands import Run, run

__all__ = ["run"]
Usage = namedtuple("Usage", ["total", "used", "free"])


def found_in(warehouse: DuckDBWarehouse, store: ObjectStore) -> dict[str, Finding]:
    return {finding.check: finding for finding in examine(checks(warehouse, store))}


def verdicts(found: dict[str, Finding]) -> dict[str, bool | None]:
    return {name: finding.ok for name, finding in found.items()}


def test_before_the_first_load_there_is_nothing_wrong(warehouse: DuckDBWarehouse, store: ObjectStore) -> None:
    found = found_in(warehouse, store)

    assert verdicts(found) == {
        "account": None, "file": None, "published copy": None, "free space": True, "lake": True,
    }  # fmt: skip
    assert "there is no account" in found["account"].seen


def test_a_warehouse_in_use_and_one_at_rest_are_well(warehouse: DuckDBWarehouse, store: ObjectStore) -> None:
    with warehouse.lock("run-1", wait=timedelta(0)), warehouse.connect() as session:
        session.create_schema("MART")
        session.execute("create table MART.DIM as select 1 as id")
    with warehouse.lock("run-1", wait=timedelta(0)):
        warehouse.publish("run-1")

    found = found_in(warehouse, store)

    assert verdicts(found) == dict.fromkeys(found, True) | {"account": None}
    assert "1 tables" in found["published copy"].seen


def test_broken_files_a_full_disk_and_a_missing_bucket_are_named(
    warehouse: DuckDBWarehouse, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (warehouse.path, warehouse.published_path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no database" * 1000)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage(10**9, 10**9, 10**6))
    nowhere = ObjectStore(store.settings.model_copy(update={"bucket": "there-is-no-such-bucket"}))

    found = found_in(warehouse, nowhere)

    assert verdicts(found) == dict.fromkeys(found, False) | {"account": None}
    assert "WAREHOUSE_DIR" in found["free space"].advice


def test_the_command_says_that_there_is_no_account(run: Run) -> None:
    answer = run("doctor")
    bad = run("doctor", "--generation", "3")

    assert answer.code == 0, answer.stdout + answer.stderr
    assert "WAREHOUSE=duckdb: there is no account to look at" in answer.stdout
    assert bad.code == 2
    assert "--generation is 3" in bad.stderr

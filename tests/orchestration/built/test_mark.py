"""The mark of what was built, and the names of the warehouses that have one."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ingest.lake.layout import BUILT
from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings
from orchestration.built.mark import Built, BuiltMark, StreamVersion
from orchestration.settings import Schemas
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.snowflake.settings import SnowflakeSettings
from orchestration.warehouse.snowflake.warehouse import SnowflakeWarehouse

DAY = date(2026, 3, 1)
MARK = Built(
    run_id="r",
    project="p",
    days=(DAY, DAY),
    streams={"orders": StreamVersion(version=3, batch_id="b")},
    whole_at=datetime(2026, 3, 1, tzinfo=UTC),
    files="f",
)


def test_what_cannot_be_read_is_no_mark(store: ObjectStore) -> None:
    mark, key = BuiltMark(store, "w"), f"{BUILT}w.json"
    assert mark.read() is None
    mark.write(MARK)
    assert mark.read() == MARK
    mark.begin(MARK, "another")
    assert mark.read() == MARK.model_copy(update={"unfinished": "another"})
    for body in (b"", b"[]", b"\xff", b"{}", MARK.model_dump_json().replace('"format":1', '"format":2').encode()):
        store.put(key, body)
        assert mark.read() is None, body
    mark.write(MARK)
    mark.forget()
    assert mark.read() is None


def test_no_two_duckdb_files_have_one_name(tmp_path: Path, lake_settings: LakeSettings) -> None:
    def identity(folder: str, database: str = "DB") -> str:
        return DuckDBWarehouse(tmp_path / folder, database, lake_settings).identity

    one = identity("one")
    assert identity("one") == one
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    shutil.rmtree(tmp_path / "one")
    names = [one, identity("one"), identity("copy"), identity("two"), identity("two", "d/b \u00e9")]
    assert len(set(names)) == len(names)
    assert all(name.replace("-", "").replace("_", "").isalnum() and name.isascii() for name in names)


@pytest.mark.parametrize(
    "other",
    [
        {"database": "OTHER"},
        {"SNOWFLAKE_ACCOUNT": "org-other"},
        {"SNOWFLAKE_HOST": "127.0.0.1"},
        {"SNOWFLAKE_TRANSFORMER_ROLE": "OTHER"},
        {"MART_SCHEMA": "OTHER"},
    ],
)
def test_no_two_databases_of_snowflake_have_one_name(other: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def identity(database: str = "DB") -> str:
        settings = SnowflakeSettings.of(
            {"SNOWFLAKE_ACCOUNT": "org-acct", "SNOWFLAKE_PRIVATE_KEY": "pem", **other_of_account}
        )
        return SnowflakeWarehouse(settings, database, Schemas(), run_id="r").identity

    other_of_account: dict[str, str] = {}
    before = identity()
    assert before == identity()
    other_of_account = {name: value for name, value in other.items() if name.startswith("SNOWFLAKE")}
    for name, value in other.items():
        monkeypatch.setenv(name, value)
    assert identity(other.get("database", "DB")) != before

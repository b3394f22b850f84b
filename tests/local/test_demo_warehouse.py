"""The demo's warehouse: the requested one, and for Snowflake the one that the environment or `.env` names."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ingest.errors import ConfigurationError
from local.demo.warehouse import DemoWarehouse, choose_warehouse
from local.stack import LocalStack
from orchestration.settings import WarehouseKind
from orchestration.warehouse.protocol import Publication

S3 = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "local"}
STACK = cast(
    LocalStack,
    SimpleNamespace(
        s3=SimpleNamespace(environment=S3),
        environment={**S3, "RAW_BUCKET": "of-the-stack", "POSTGRES_DSN": "dsn"},
    ),
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def choose(kind: WarehouseKind) -> DemoWarehouse:
    nothing: Any = None  # neither is used before the stack is there
    return choose_warehouse(kind, nothing, nothing, nothing)


def test_duckdb_is_loaded_whatever_account_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOWFLAKE_ACCOUNT", "MYORG-MYACCOUNT")
    chosen = choose(WarehouseKind.DUCKDB)

    assert "DuckDB" in chosen.introduction
    assert chosen.make_ready(STACK).environment == STACK.environment


def test_without_an_account_an_emulated_one_is_announced() -> None:
    assert "EMULATED" in choose(WarehouseKind.SNOWFLAKE).introduction


def test_the_account_of_env_is_loaded_from_its_own_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text(
        "SNOWFLAKE_ACCOUNT=MYORG-MYACCOUNT\nSNOWFLAKE_PRIVATE_KEY_PATH=rsa_key.p8\nWAREHOUSE_DATABASE=MY_DB\n"
        "RAW_BUCKET=overridden\nAWS_ENDPOINT_URL=\n"
    )
    monkeypatch.setenv("RAW_BUCKET", "my-lake")
    chosen = choose(WarehouseKind.SNOWFLAKE)
    target = chosen.make_ready(STACK)

    assert "to the S3 lake my-lake, to the Snowflake account MYORG-MYACCOUNT" in chosen.introduction
    expected = {"RAW_BUCKET": "my-lake", "POSTGRES_DSN": "dsn", "WAREHOUSE": "snowflake", "WAREHOUSE_DATABASE": "MY_DB"}
    assert expected.items() <= target.environment.items()
    assert "AWS_ENDPOINT_URL" not in target.environment
    assert target.location(Publication("MY_DB.MART", None, None, 0.0)) == "MY_DB.MART of MYORG-MYACCOUNT"


def test_an_account_without_a_lake_that_it_can_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOWFLAKE_ACCOUNT", "MYORG-MYACCOUNT")
    with pytest.raises(ConfigurationError, match="RAW_BUCKET is not"):
        choose(WarehouseKind.SNOWFLAKE)


def test_an_account_without_a_key_is_refused_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOWFLAKE_ACCOUNT", "MYORG-MYACCOUNT")
    monkeypatch.setenv("RAW_BUCKET", "my-lake")
    with pytest.raises(ConfigurationError, match="no key to log in"):
        choose(WarehouseKind.SNOWFLAKE)

"""`python -m orchestration.warehouse` as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ingest.contracts.registry import ContractRegistry
from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings
from orchestration.built.mark import Built, BuiltMark
from orchestration.warehouse.__main__ import main
from orchestration.warehouse.duckdb.query import run_query
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.orchestration.conftest import DATABASE
from tests.orchestration.lake_builder import LakeBuilder

AT = datetime(2026, 3, 1, tzinfo=UTC)
DAY = date(2026, 3, 1)


@dataclass(frozen=True)
class Answer:
    """The result of a command."""

    code: int
    stdout: str
    stderr: str


Run = Callable[..., Answer]


@pytest.fixture
def run(
    tmp_path: Path,
    lake_settings: LakeSettings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """A function that runs the command in this process, on the test's lake and warehouse."""
    monkeypatch.setenv("RAW_BUCKET", lake_settings.bucket)
    monkeypatch.setenv("AWS_ENDPOINT_URL", lake_settings.endpoint_url or "")
    monkeypatch.setenv("AWS_REGION", lake_settings.region)
    monkeypatch.setenv("WAREHOUSE_DIR", str(tmp_path / "warehouse"))
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["warehouse", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Answer(int(ended.value.code or 0), captured.out, captured.err)

    return call


def test_load_and_status(run: Run, store: ObjectStore, tmp_path: Path) -> None:
    """It uses the packaged contract of `warehouses`, which the command finds."""
    lake = LakeBuilder(store, ContractRegistry.load()["warehouses"])
    lake.snapshot([{"warehouse_id": 1}, {"warehouse_id": 2}])

    loaded = run("load", "--stream", "warehouses")
    lake.snapshot([{"warehouse_id": 1}])
    status = run("status", "--stream", "warehouses")
    mark = BuiltMark(store, DuckDBWarehouse(tmp_path / "warehouse", DATABASE, store.settings).identity)
    mark.write(built := Built(run_id="r", project="p", days=(DAY, DAY), streams={}, whole_at=AT, files=""))
    assert mark.read() == built
    reloaded = run("reload", "warehouses")

    assert mark.read() is None, "no version shows what was done: the next run builds everything"
    assert (loaded.code, loaded.stderr.count("Traceback")) == (0, 0)
    assert "warehouses" in loaded.stdout
    cells = [cell.strip() for cell in status.stdout.splitlines()[-2].split("│")]
    assert cells[1:6] == ["warehouses", "2", "1", "1", "2"]
    assert reloaded.code == 0
    assert "`python orchestration/prefect/flow.py --full-refresh`" in reloaded.stdout


def test_bad_input_is_one_message_and_exit_code_2(run: Run) -> None:
    cases = [
        (("query", "select 1"), "nothing is published in"),
        (("load", "--stream", "nope"), "there is no stream 'nope'"),
    ]
    for arguments, message in cases:
        answer = run(*arguments)
        assert answer.code == 2
        assert message in answer.stderr


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"WAREHOUSE": "snowflake"}, "SNOWFLAKE_ACCOUNT is not set"),
        ({"WAREHOUSE": "oracle"}, "bad settings: WAREHOUSE"),
        ({"ENVIRONMENT": "prod", "EMAIL_SALT": "dev-only-salt"}, "EMAIL_SALT is the demo's placeholder"),
        ({"RAW_BUCKET": "no-such-bucket-here"}, "there is no bucket s3://no-such-bucket-here"),
        ({"WAREHOUSE_DIR": "/dev/null/warehouse"}, "cannot write the warehouse directory"),
    ],
)
def test_bad_settings_are_one_message(
    run: Run, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], message: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    answer = run("load", "--stream", "warehouses")
    assert answer.code == 2
    assert message in answer.stderr


def test_a_process_ends_without_a_traceback(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "orchestration.warehouse", "query", "select 1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 2
    assert "error" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_query_prints_a_table(run: Run, warehouse: DuckDBWarehouse) -> None:
    with warehouse.connect() as session:
        session.execute("create schema mart")
        session.execute("create table mart.t as select range as n, 'a[b]' as name, null as nothing from range(3)")
    warehouse.publish("run")

    table = run("query", "select * from MART.T order by n", "--limit", "2")
    as_csv = run("query", "select * from mart.t order by n", "--csv")
    bad = run("query", "select nope from mart.t")
    write = run("query", "delete from mart.t")
    file = run("query", "select * from read_text('/etc/hostname')")

    assert "a[b]" in table.stdout
    assert "null" in table.stdout
    assert "The first 2 rows" in table.stdout
    assert as_csv.stdout.splitlines() == ["n,name,nothing", "0,a[b],", "1,a[b],", "2,a[b],"]
    for answer, message in ((bad, 'Referenced column "nope"'), (write, "this is DELETE"), (file, "disabled")):
        assert answer.code == 2
        assert message in answer.stderr


def test_a_query_has_types_and_a_limit(warehouse: DuckDBWarehouse) -> None:
    with warehouse.connect() as session:
        session.create_schema("MART")
        session.execute("create table mart.t as select range as n, 'x' as x from range(5)")
    warehouse.publish("run")
    answer = run_query(warehouse.published_path, "select * from mart.t order by n", limit=3)
    assert answer.columns == ("n", "x")
    assert answer.numeric == (True, False)
    assert (len(answer.rows), answer.more) == (3, True)
    assert not run_query(warehouse.published_path, "select * from mart.t", limit=5).more


def test_inspect_reads_what_runs_write_and_writes_nothing(run: Run, warehouse: DuckDBWarehouse) -> None:
    nothing = run("inspect", "select 1")
    assert (nothing.code, warehouse.path.exists()) == (2, False)
    assert "there is no warehouse" in nothing.stderr

    with warehouse.connect() as session:
        for schema in ("RAW", "MART"):
            session.create_schema(schema)
        session.execute("create table raw.people as select 'ann@example.com' as email")
        session.execute("create table mart.t as select 1 as n")
    warehouse.publish("run")
    before = warehouse.path.read_bytes()

    assert "ann@example.com" in run("inspect", "select * from RAW.people").stdout
    assert run("inspect", "from raw.people", "--csv").stdout.splitlines() == ["email", "ann@example.com"]
    write = run("inspect", "delete from raw.people")
    assert (write.code, "this is DELETE" in write.stderr) == (2, True)
    missing = run("query", "select * from raw.people")
    assert (missing.code, "does not exist" in missing.stderr) == (2, True)
    with warehouse.lock("a run that writes", wait=timedelta()):
        busy = run("inspect", "select * from raw.people", "--wait", "0")
        assert (busy.code, "a run that writes" in busy.stderr) == (3, True)
        assert run("query", "select n from mart.t", "--csv").stdout.splitlines() == ["n", "1"]
    assert warehouse.path.read_bytes() == before


def test_query_needs_neither_salt_nor_lake_nor_a_loader_s_key(
    run: Run, warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with warehouse.connect() as session:
        session.create_schema("MART")
        session.execute("create table mart.t as select 1 as n")
    warehouse.publish("run")
    monkeypatch.setenv("ENVIRONMENT", "prod")
    for name in ("EMAIL_SALT", "RAW_BUCKET", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    assert run("query", "select n from mart.t", "--csv").stdout.splitlines() == ["n", "1"]
    monkeypatch.setenv("WAREHOUSE", "snowflake")
    monkeypatch.setenv("SNOWFLAKE_ACCOUNT", "MYORG-MYACCOUNT")
    keyless = run("query", "select n from mart.t")
    assert (keyless.code, "SNOWFLAKE_READER_PRIVATE_KEY_PATH" in keyless.stderr) == (2, True)

"""`python -m orchestration.warehouse` on Snowflake as a user runs it, and Snowflake's record of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from ingest.contracts.registry import ContractRegistry
from orchestration.warehouse.__main__ import main
from orchestration.warehouse.ddl import data_table
from tests.orchestration.lake_builder import LakeBuilder
from tests.snowflake.account import USERS_ACCOUNT, Account, require_copy

ROWS = [{"warehouse_id": 1, "code": "WH-MAD"}, {"warehouse_id": 2, "code": "WH-CDG"}]


@dataclass(frozen=True)
class Answer:
    """The result of a command."""

    code: int
    stdout: str
    stderr: str


Run = Callable[..., Answer]


@pytest.fixture
def run(account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A function that runs the command in this process, on the test's account and lake."""
    lake, roles = account.lake_settings, account.settings
    named = {
        "WAREHOUSE": "snowflake",
        "WAREHOUSE_DATABASE": account.database,
        "SNOWFLAKE_LOADER_ROLE": roles.loader_role,
        "SNOWFLAKE_TRANSFORMER_ROLE": roles.transformer_role,
        "SNOWFLAKE_READER_ROLE": roles.reader_role,
        "RAW_BUCKET": lake.bucket,
        "AWS_ENDPOINT_URL": lake.endpoint_url or "",
        "AWS_REGION": lake.region,
        "COLUMNS": "200",
    }
    for name, value in named.items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["warehouse", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Answer(int(ended.value.code or 0), captured.out, captured.err)

    return call


@pytest.fixture
def warehouses(account: Account) -> LakeBuilder:
    """The packaged stream `warehouses`, whose contract the command finds, with one version."""
    require_copy(account)
    lake = LakeBuilder(account.store, ContractRegistry.load()["warehouses"])
    lake.snapshot(ROWS)
    return lake


def test_load_status_and_history_tell_the_same(run: Run, warehouses: LakeBuilder) -> None:
    loaded = run("load", "--stream", "warehouses")
    status = run("status", "--stream", "warehouses")
    history = run("history", "--stream", "warehouses")
    again = run("load", "--stream", "warehouses")

    assert (loaded.code, status.code, history.code, again.code) == (0, 0, 0, 0), loaded.stderr
    assert row_of(loaded.stdout)[:3] == ["warehouses", "1", "2"]  # versions, rows
    assert row_of(status.stdout)[:5] == ["warehouses", "1", "1", "0", "2"]  # lake, RAW, behind, rows
    assert row_of(history.stdout) == ["warehouses", "1", "1", "2", "agrees"]  # versions, files, rows
    assert row_of(again.stdout)[:3] == ["warehouses", "0", "0"]


def test_history_names_what_another_hand_has_loaded(run: Run, account: Account, warehouses: LakeBuilder) -> None:
    run("load", "--stream", "warehouses")
    commit = next(iter(warehouses.log.since(0)))
    body = warehouses.store.get(commit.files[0].key)
    assert body is not None
    by_hand = warehouses.put(body, 2, 7, 3)
    with account.warehouse().connect() as session, session.transaction():
        session.copy(data_table(warehouses.contract, "RAW"), [by_hand])

    history = run("history", "--stream", "warehouses")

    assert history.code == 1
    assert f"in COPY_HISTORY, and no loaded version names it: {by_hand.key}" in history.stdout


def test_query_is_asked_by_the_reader_s_role(run: Run, account: Account) -> None:
    account.run(
        "CREATE TABLE MART.DIM_THING (THING_ID NUMBER(38,0), NAME VARCHAR)",
        "INSERT INTO MART.DIM_THING VALUES (1, 'lamp'), (2, NULL)",
    )
    answer = run("query", "--csv", "select * from mart.dim_thing order by thing_id")
    assert (answer.code, answer.stdout.split()) == (0, ["thing_id,name", "1,lamp", "2,"])


def test_a_query_of_what_is_not_there_is_bad_input(run: Run, account: Account) -> None:
    if "SNOWFLAKE_HOST" in USERS_ACCOUNT:
        pytest.skip("an emulator of the user's own may say otherwise that there is no such column")
    account.run("CREATE TABLE MART.DIM_THING (THING_ID NUMBER(38,0))")
    wrong = run("query", "select nothing from mart.dim_thing")
    assert wrong.code == 2
    assert "the query cannot be run" in wrong.stderr


def test_snowflake_notes_run_stream_and_version_of_each_statement(account: Account, warehouses: LakeBuilder) -> None:
    if "SNOWFLAKE_HOST" in USERS_ACCOUNT:
        pytest.skip("an emulator of the user's own may keep no history of statements")
    from orchestration.warehouse.loader import Loader, load_streams

    with account.warehouse("run-7").connect() as session:
        loader = Loader(warehouses.store, "RAW", run_id="run-7")
        load_streams(loader, session, [warehouses.contract], concurrency=1)
        noted = session.query(
            "SELECT query_text, query_tag FROM TABLE(information_schema.query_history()) WHERE query_tag LIKE '%run-7%'"
        )
    tags = {str(text).split()[0]: json.loads(str(tag)) for text, tag in noted}

    of_the_version = {"app": "dp_mailblaze_demo", "run": "run-7", "stream": "warehouses", "version": 1}
    assert tags["COPY"] == tags["COMMIT"] == of_the_version
    assert tags["DESCRIBE"]["run"] == "run-7"


def row_of(printed: str) -> list[str]:
    """Return the stream's line of the table."""
    [line] = [line for line in printed.splitlines() if "│" in line and "warehouses" in line]
    return line.replace("│", " ").split()

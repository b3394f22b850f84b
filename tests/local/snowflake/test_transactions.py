"""Transactions mean what they mean in Snowflake."""

from __future__ import annotations

import uuid
from threading import Thread

import httpx
import pytest

from local.snowflake.server import SnowflakeEmulator
from tests.local.snowflake.conftest import Client, Connect


@pytest.fixture
def table(client: Client) -> str:
    client.run("CREATE OR REPLACE TABLE ACCOUNTS (NAME VARCHAR, AMOUNT INT)")
    client.run("INSERT INTO ACCOUNTS VALUES ('a', 1), ('b', 2)")
    return "ACCOUNTS"


def test_a_statement_that_fails_does_not_end_the_transaction(client: Client, table: str) -> None:
    client.run("BEGIN")
    client.run(f"UPDATE {table} SET AMOUNT = 10 WHERE NAME = 'a'")
    assert client.errno("SELECT NOPE FROM ACCOUNTS") == 904
    assert client.errno("SELECT * FROM NOWHERE") == 2003
    client.run(f"INSERT INTO {table} VALUES ('c', 3)")
    client.run("COMMIT")

    assert client.value(f"SELECT SUM(AMOUNT) FROM {table}") == 15


def test_a_transaction_that_the_emulator_cannot_keep_is_refused_not_committed(client: Client, table: str) -> None:
    client.run("BEGIN")
    client.run(f"UPDATE {table} SET AMOUNT = 10 WHERE NAME = 'a'")
    assert client.errno(f"SELECT NAME::NUMBER FROM {table}") == 100038
    assert client.errno(f"INSERT INTO {table} VALUES ('c', 3)") == 603
    assert client.errno("COMMIT") == 603
    client.run("ROLLBACK")

    assert client.value(f"SELECT SUM(AMOUNT) FROM {table}") == 3


def test_nothing_written_yet_nothing_lost(client: Client, table: str) -> None:
    client.run("BEGIN")
    assert client.errno(f"SELECT NAME::NUMBER FROM {table}") == 100038
    client.run(f"INSERT INTO {table} VALUES ('c', 3)")
    client.run("ROLLBACK")

    assert client.value(f"SELECT COUNT(*) FROM {table}") == 2


def test_ddl_commits_what_is_open(client: Client, table: str) -> None:
    client.run("BEGIN")
    client.run(f"INSERT INTO {table} VALUES ('c', 3)")
    client.run("CREATE OR REPLACE TABLE OTHER (A INT)")
    client.run("ROLLBACK")

    assert client.value(f"SELECT COUNT(*) FROM {table}") == 3


def test_without_autocommit_nothing_is_kept_until_commit(connect: Connect, database: str, table: str) -> None:
    careful = connect(database=database, schema="RAW", autocommit=False)
    careful.run(f"INSERT INTO {table} VALUES ('c', 3)")
    careful.run("ROLLBACK")
    assert careful.value(f"SELECT COUNT(*) FROM {table}") == 2


def test_two_writers_of_a_table_take_turns_and_the_second_sees_the_firsts_rows(
    connect: Connect, client: Client, database: str, table: str
) -> None:
    second = connect(database=database, schema="RAW")
    client.run("BEGIN")
    client.run(f"UPDATE {table} SET AMOUNT = AMOUNT + 1 WHERE NAME = ?", ["a"])
    second.run("BEGIN")
    assert second.value(f"SELECT COUNT(*) FROM {table}") == 2  # its snapshot, were it kept, would be from here
    waiting = Thread(target=second.run, args=(f"UPDATE {table} SET AMOUNT = AMOUNT + 1 WHERE NAME = 'a'",))
    waiting.start()
    client.run(f"INSERT INTO {table} VALUES ('c', 3)")
    client.run("COMMIT")
    waiting.join()

    assert second.run(f"SELECT NAME, AMOUNT FROM {table} ORDER BY NAME") == [("a", 3), ("b", 2), ("c", 3)]
    second.run("COMMIT")


def test_whoever_waits_too_long_for_a_lock_is_told_and_keeps_its_transaction(
    connect: Connect, client: Client, database: str, table: str
) -> None:
    second = connect(database=database, schema="RAW", session_parameters={"LOCK_TIMEOUT": 0})
    client.run("BEGIN")
    client.run(f"DELETE FROM {table} WHERE NAME = 'a'")
    second.run("BEGIN")
    second.run(f"INSERT INTO {table} VALUES ('c', 3)")  # adds rows only, and waits for nobody
    for change in (  # of another row: locks are of whole tables
        f"UPDATE {table} SET AMOUNT = 0 WHERE NAME = 'b'",
        f"DELETE FROM {table} WHERE NAME = 'b'",
        f"MERGE INTO {table} t USING (SELECT 'b' AS NAME) s ON t.NAME = s.NAME WHEN MATCHED THEN UPDATE SET AMOUNT = 0",
    ):
        assert second.errno(change) == 625, change
    second.run("COMMIT")
    client.run("ROLLBACK")

    assert client.value(f"SELECT SUM(AMOUNT) FROM {table}") == 6


def test_an_aborted_session_leaves_nothing_behind(connect: Connect, client: Client, database: str, table: str) -> None:
    lost = connect(database=database, schema="RAW")
    lost.run("BEGIN")
    lost.run(f"UPDATE {table} SET AMOUNT = 0")
    assert client.value(f"SELECT SYSTEM$ABORT_SESSION({lost.connection.session_id})") == "session aborted."

    assert client.value(f"SELECT SUM(AMOUNT) FROM {table}") == 3
    client.run(f"UPDATE {table} SET AMOUNT = 7")
    assert lost.errno("SELECT 1") == 390111


def test_a_request_that_is_sent_again_is_not_run_again(emulator: SnowflakeEmulator, client: Client, table: str) -> None:
    """The connector does so where an answer was lost."""
    rest = client.connection.rest
    assert rest is not None
    request = {
        "url": f"http://127.0.0.1:{emulator.port}/queries/v1/query-request",
        "params": {"requestId": str(uuid.uuid4())},
        "headers": {"Authorization": f'Snowflake Token="{rest.token}"'},
        "json": {"sqlText": f"INSERT INTO {table} VALUES ('c', 3)"},
    }
    first, second = (httpx.post(**request).json() for _ in range(2))

    assert first == second
    assert client.value(f"SELECT COUNT(*) FROM {table}") == 3


def test_a_statement_ends_at_its_timeout(connect: Connect, database: str) -> None:
    hasty = connect(database=database, schema="RAW", session_parameters={"STATEMENT_TIMEOUT_IN_SECONDS": 1})
    assert (
        hasty.errno(
            f"WITH DIGITS AS (SELECT * FROM VALUES {', '.join(f'({n})' for n in range(10))} AS V (N)) "
            f"SELECT COUNT(*) FROM DIGITS D0 {' '.join(f'CROSS JOIN DIGITS D{n}' for n in range(1, 16))}"
        )
        == 630
    )
    assert hasty.value("SELECT 1") == 1

"""One writer at a time: the lease names its holder, ends with it, and is taken over after the holder died."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from ingest.errors import ConflictError
from orchestration.settings import Schemas
from orchestration.warehouse.snowflake.warehouse import SnowflakeWarehouse
from tests.snowflake.account import Account

AT_ONCE = timedelta(0)


def test_a_second_writer_is_told_who_writes(account: Account) -> None:
    heard: list[str] = []
    second = SnowflakeWarehouse(account.settings, account.database, Schemas(), run_id="second", on_wait=heard.append)
    refused = pytest.raises(ConflictError, match=r"is being written by run first \(process")
    with account.warehouse().lock("first", wait=AT_ONCE) as holder, refused, second.lock("second", wait=AT_ONCE):
        pytest.fail("two writers at once")
    with second.lock("second", wait=AT_ONCE) as next_holder:
        pass

    assert (holder.run_id, next_holder.run_id) == ("first", "second")
    assert heard == []  # there was no time to wait


def test_a_writer_that_died_is_waited_for_until_its_lease_expires(account: Account) -> None:
    heard: list[str] = []
    dead = account.warehouse().lock("dead", wait=AT_ONCE)
    dead.__enter__()
    account.run(
        "UPDATE RAW._LOCKS SET RUN_ID = 'killed', EXPIRES_AT = DATEADD('second', 3, CURRENT_TIMESTAMP()) "
        "WHERE NAME = 'writer'"
    )
    next_one = SnowflakeWarehouse(account.settings, account.database, Schemas(), run_id="next", on_wait=heard.append)
    with next_one.lock("next", wait=timedelta(seconds=30)) as holder:
        assert holder.run_id == "next"
    assert "run killed" in heard[0]


def test_a_lost_lease_is_told_at_the_end(account: Account) -> None:
    quick = SnowflakeWarehouse(account.settings, account.database, Schemas(), run_id="slow", lease=timedelta(seconds=2))
    lock = quick.lock("slow", wait=AT_ONCE)
    lock.__enter__()
    account.run("UPDATE RAW._LOCKS SET RUN_ID = 'thief' WHERE NAME = 'writer'")
    _renewal().join(20)

    with pytest.raises(ConflictError, match="lease of the warehouse expired"):
        lock.__exit__(None, None, None)
    assert account.rows("select run_id from raw._locks where name = 'writer'") == [("thief",)]


def _renewal() -> threading.Thread:
    [found] = [thread for thread in threading.enumerate() if thread.name == "lease"]
    return found

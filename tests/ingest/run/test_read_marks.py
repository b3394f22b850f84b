"""The moment up to which a source was read: known without a commit, never later than the truth, and only a hint."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.contracts.model import Mode, StreamContract
from ingest.errors import ConflictError, PlatformError, TransientError
from ingest.lake import layout
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.lake.read_mark import CountMark, ReadMark, read_until
from ingest.run.runner import open_ingestion
from tests.ingest.run.world import ITEMS, World

AT = datetime(2026, 3, 1, tzinfo=UTC)


def mark_of(world: World, stream: str = "items") -> ReadMark:
    mark = ReadMark.read(world.store, stream)
    assert mark is not None
    return mark


def until(world: World, contract: StreamContract | None = None) -> datetime:
    moment = read_until(world.store, contract or world.contract("items"), CommitLog(world.store, "items").head())
    assert moment is not None
    return moment


def test_a_quiet_table_is_read_by_each_run_though_nothing_is_committed(world: World) -> None:
    world.execute(ITEMS)
    world.execute("insert into items (id) values (1)")
    contract = world.contract("items")
    world.run(contract)
    landed = CommitLog(world.store, "items").head()
    first = until(world)
    world.run(contract)

    assert CommitLog(world.store, "items").head() == landed
    assert until(world) > first
    assert mark_of(world).version == 2


def test_a_table_that_never_had_a_row_was_read_too(world: World) -> None:
    world.execute(ITEMS)
    world.run(world.contract("items"), keys=False)

    assert CommitLog(world.store, "items").head() is None
    assert until(world)


def test_a_stream_that_is_landed_whole_was_read_when_its_snapshot_was_taken(world: World) -> None:
    world.execute(ITEMS)
    contract = world.contract("items", mode=Mode.SNAPSHOT, cursor=None)
    before = datetime.now(UTC)
    for _ in range(2):
        world.run(contract)

    assert before <= until(world, contract) <= datetime.now(UTC)


def test_a_run_that_fails_or_loses_claims_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.execute(ITEMS)
    world.execute("insert into items (id) values (1)")
    contract = world.contract("items")
    world.run(contract)
    before = mark_of(world)
    world.execute("insert into items (id) values (2)")
    with open_ingestion(world.settings, [contract], "slow", store=world.store) as slow:
        world.run(contract)
        quicker = mark_of(world)
        with pytest.raises(ConflictError):
            slow.ingest("items")

    assert quicker.until > before.until
    assert mark_of(world) == quicker


def test_rows_of_an_open_transaction_are_not_claimed(world: World) -> None:
    world.execute(ITEMS)
    contract = world.contract("items")
    world.run(contract)
    with world.other_session() as other:
        cursor = other.cursor()
        # Its own start: a server has transactions of others, too, such as autovacuum's.
        cursor.execute("insert into items (id) values (1) returning now()")
        [(started,)] = cursor.fetchall()
        world.run(contract)
        assert until(world) <= started
        other.commit()
    world.run(contract)

    assert len(world.landed(contract)) == 1


def test_a_count_is_marked_where_it_can_be_compared_and_runs_that_do_not_count_leave_it(world: World) -> None:
    world.execute(ITEMS)
    contract = world.contract("items")
    world.run(contract, keys=False, count=True)
    assert CountMark.read(world.store, "items") is None, "without a look at the keys, counts cannot be compared"
    world.run(contract)
    counted = CountMark.read(world.store, "items")
    assert counted is not None
    world.execute("insert into items (id) values (1)")
    world.run(contract, keys=False, count=False)

    assert CountMark.read(world.store, "items") == counted


@pytest.mark.parametrize(
    "body", [b"", b"no json", b"[]", b'{"until": 1}', b'{"until": "2026-01-01T00:00:00"}', b"\xff"]
)
def test_a_mark_that_somebody_spoilt_is_none(world: World, body: bytes) -> None:
    world.store.put(layout.read_mark_key("items"), body)
    world.store.put(layout.count_mark_key("items"), body)

    assert ReadMark.read(world.store, "items") is None
    assert CountMark.read(world.store, "items") is None
    world.execute(ITEMS)
    assert read_until(world.store, world.contract("items"), None) is None


class Unwritable(ObjectStore):
    """A store that refuses marks."""

    def put(self, key: str, body: bytes) -> None:
        if key.endswith(("_read.json", "_counted.json")):
            raise TransientError("no")
        super().put(key, body)


def test_a_mark_that_cannot_be_written_fails_no_run(world: World) -> None:
    world.execute(ITEMS)
    world.execute("insert into items (id) values (1)")
    result = world.run(world.contract("items"), store=Unwritable(world.store.settings))

    assert result.rows_landed == 1
    assert ReadMark.read(world.store, "items") is None


def test_a_mark_of_another_log_is_not_believed(world: World) -> None:
    world.execute(ITEMS)
    contract = world.contract("items")
    for number in range(2):
        world.execute("insert into items (id) values (%s)", number)
        world.run(contract, keys=False)
    log = CommitLog(world.store, "items")
    head, first = log.head(), log.read(1)
    assert head is not None
    assert first is not None
    far = head.watermark.after
    assert far is not None
    claims = {
        "newer than the log": ReadMark(until=far + timedelta(days=9), version=3, batch_id="x"),
        "of another batch": ReadMark(until=far + timedelta(days=9), version=2, batch_id="x"),
        "of another older batch": ReadMark(until=far + timedelta(days=9), version=1, batch_id="x"),
        "of an empty log": ReadMark(until=far + timedelta(days=9), version=0, batch_id=None),
    }
    for why, mark in claims.items():
        mark.write(world.store, "items")
        assert until(world) == far, why
    ReadMark(until=far + timedelta(days=9), version=1, batch_id=first.batch_id).write(world.store, "items")
    assert until(world) == far + timedelta(days=9)


@given(hours=st.integers(-100, 100), within=st.integers(0, 60))
def test_a_stream_is_counted_again_once_its_time_has_passed_whatever_the_clocks_say(hours: int, within: int) -> None:
    mark = CountMark(at=AT - timedelta(hours=hours))

    assert mark.is_within(timedelta(hours=within), AT) is (abs(hours) < within)


def test_of_two_writers_at_once_no_mark_claims_what_neither_has_landed(world: World) -> None:
    """Both land; whoever writes the mark last, all that it claims is in the lake."""
    world.execute(ITEMS)
    contract = world.contract("items")
    world.run(contract)
    start = threading.Barrier(2)

    def writer() -> None:
        start.wait(30)
        try:
            world.run(contract)
        except PlatformError:
            return  # the other was quicker

    for number in range(3):
        world.execute("insert into items (id) values (%s)", number)
        threads = [threading.Thread(target=writer) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        claimed = until(world)
        below = {row[0] for row in world.query(f"select id from items where updated_at < '{claimed.isoformat()}'")}
        assert below <= {row["id"] for row in world.landed(contract)}

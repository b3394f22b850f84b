"""A stream's outcome is the same on both sides of the lake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ingest.errors
from ingest.errors import AccessError, FatalError, PlatformError, RateLimitedError, SchemaDriftError, TransientError
from ingest.lake.objects.store import ObjectStore
from ingest.retry import WaitBudget, give_up
from ingest.run.context import SourceCount, StreamResult
from ingest.run.runner import open_ingestion
from ingest.schema_change import DriftKind, Effect, SchemaChange
from ingest.settings import LakeSettings
from orchestration.worker.handoff import ErrorNote, Handoff, ResultNote, remove_handoffs
from tests.ingest.run.conftest import world as world
from tests.ingest.run.world import ITEMS, World

KINDS = sorted(
    kind.__name__ for kind in vars(ingest.errors).values() if isinstance(kind, type) and issubclass(kind, PlatformError)
)


@pytest.fixture
def store(lake_settings: LakeSettings) -> ObjectStore:
    return ObjectStore(lake_settings)


def test_a_result_comes_back_with_its_commits_and_its_keys_in_flight(world: World) -> None:
    world.execute(ITEMS)
    world.execute("insert into items select g from generate_series(1, 10) g")
    contract = world.contract("items")
    with open_ingestion(world.settings, [contract], "run", store=world.store) as run:
        world.execute("insert into items values (11)")
        result = run.ingest("items")
    assert result.source_count is not None
    Handoff(stream="items", host="a", result=ResultNote.of(result)).write(world.store, "run-1")
    came = Handoff.read(world.store, "run-1")

    assert came.result is not None
    back = came.result.result(world.store, "items")
    assert back.commits == result.commits
    assert back.source_count is not None
    assert back.source_count.rows == result.source_count.rows
    for field in ("rows_landed", "rows_quarantined", "watermark_before", "watermark_after", "lag_seconds", "notices"):
        assert getattr(back, field) == getattr(result, field), field


@given(keys=st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.text()), max_size=20))
def test_keys_in_flight_come_back_as_they_were(keys: list[tuple[int, str]]) -> None:
    table = pa.table(
        {"a": pa.array([a for a, _ in keys], pa.int64()), "b": pa.array([b for _, b in keys], pa.string())}
    )
    note = ResultNote.of(StreamResult("s", source_count=SourceCount(len(keys), table)))
    came = ResultNote.model_validate_json(note.model_dump_json())
    back = came.result(None, "s")  # type: ignore[arg-type] - without commits, no log is read

    assert back.source_count is not None
    assert back.source_count.in_flight is not None
    assert back.source_count.in_flight.equals(table)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_comes_back_as_what_it_was(kind: str) -> None:
    error = getattr(ingest.errors, kind)("what", stream="orders", hint="Do this.")
    back = ErrorNote.model_validate_json(ErrorNote.of(error).model_dump_json()).error()

    assert type(back) is type(error)
    assert str(back) == "orders: what. Do this."
    assert back.exit_code == error.exit_code


def test_what_changed_at_the_source_comes_back_with_a_result_and_with_an_error() -> None:
    change = SchemaChange(
        subject="column 'x'",
        kind=DriftKind.COLUMN_ADDED,
        column="x",
        expected="nothing",
        found="text",
        effect=Effect.FLOWS,
    )
    read_until = datetime(2028, 2, 29, 12, tzinfo=UTC)
    note = ResultNote.of(StreamResult("s", read_until=read_until, changes=(change,)))
    back = ResultNote.model_validate_json(note.model_dump_json()).result(None, "s")  # type: ignore[arg-type] - no commits
    assert (back.read_until, back.changes) == (read_until, (change,))

    error = SchemaDriftError("no longer matches")
    error.changes = (change,)
    again = ErrorNote.model_validate_json(ErrorNote.of(error).model_dump_json()).error()
    assert isinstance(again, SchemaDriftError)
    assert again.changes == (change,)


def test_an_error_for_which_there_is_no_time_left_stays_one() -> None:
    error = RateLimitedError("slow down", retry_after=timedelta(hours=1))
    give_up(error, WaitBudget(60))
    back = ErrorNote.model_validate_json(ErrorNote.of(error).model_dump_json()).error()

    assert isinstance(back, RateLimitedError)
    assert (back.final, back.retry_at, str(back)) == (True, error.retry_at, str(error))


def test_an_error_of_another_release_is_fatal_and_says_what_it_said() -> None:
    back = ErrorNote(kind="UnheardOfError", message="what").error()

    assert type(back) is FatalError
    assert back.message == "what"


def test_a_worker_that_left_nothing_is_worth_another_try(store: ObjectStore) -> None:
    with pytest.raises(TransientError, match="ended without saying what it had done"):
        Handoff.read(store, "nobody")


def test_a_commit_that_is_not_in_the_log_is_a_broken_promise(store: ObjectStore) -> None:
    note = ResultNote.of(StreamResult("orders")).model_copy(update={"versions": (7,)})

    with pytest.raises(FatalError, match="committed version 7, which is not there"):
        note.result(store, "orders")


def test_only_old_handoffs_are_removed(store: ObjectStore) -> None:
    error = ErrorNote.of(AccessError("no"))
    Handoff(stream="orders", host="a", error=error).write(store, "old")
    now = datetime.now(UTC)

    assert remove_handoffs(store, older_than=now - timedelta(minutes=5)) == 0
    assert Handoff.read(store, "old").error == error
    assert remove_handoffs(store, older_than=now + timedelta(minutes=5)) == 1
    with pytest.raises(TransientError):
        Handoff.read(store, "old")

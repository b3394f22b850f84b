"""The note of the newest run holds the newest statement of any run, in whatever order runs are noted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import TransientError
from ingest.lake import layout
from ingest.lake.objects.store import ObjectStore
from orchestration.ops.latest import LatestRun, after, read_latest
from orchestration.ops.outbox import Outbox
from orchestration.warehouse.ops.rows import QuarantineRow, RunRecord, RunRow, RunState, StreamRow

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def record(
    minute: int,
    state: RunState = "completed",
    *,
    publishes: bool = True,
    is_idle: bool = False,
    blocked: dict[str, bool] | None = None,
    refused: dict[str, int] | None = None,
) -> RunRecord:
    run_id, ended = f"run-{minute}", START + timedelta(minutes=minute)
    run = RunRow(
        run_id=run_id,
        state=state,
        is_idle=is_idle,
        warehouse="duckdb",
        started_at=ended - timedelta(seconds=30),
        ended_at=ended,
        run_seconds=30.0,
        rows_landed=minute,
        published_at=ended - timedelta(seconds=5) if publishes else None,
    )
    streams = tuple(
        StreamRow(run_id=run_id, stream=stream, state="landed", blocker="pid 7" if is_blocked else None)
        for stream, is_blocked in (blocked or {}).items()
    )
    quarantine = tuple(
        QuarantineRow(
            run_id=run_id, stream=stream, version=1, reason=reason, records=9, open_records=count,
            state="open" if count else "settled",
        )
        for stream, every in (refused or {}).items()
        for reason, count in (("a", every), ("b", 0))
    )  # fmt: skip
    return RunRecord(run=run, streams=streams, quarantine=quarantine)


def noted(*records: RunRecord) -> LatestRun:
    latest = None
    for each in records:
        latest = after(each, latest)
    assert latest is not None
    return latest


def test_a_failed_run_leaves_what_older_ones_published_and_said_of_streams_that_it_did_not_reach() -> None:
    first = record(1, blocked={"orders": True, "products": True}, refused={"email_events": 3})
    failed = record(2, "failed", publishes=False, blocked={"orders": False})

    latest = noted(first, failed)

    assert (latest.run_id, latest.state, latest.rows_landed) == ("run-2", "failed", 2)
    assert latest.completed_at == first.run.ended_at
    assert latest.published_at == latest.confirmed_at == first.run.published_at
    assert {name: stream.is_blocked for name, stream in latest.streams.items()} == {
        "orders": False, "products": True, "email_events": False,
    }  # fmt: skip
    assert latest.streams["email_events"].open_records == 3


def test_quarantine_that_was_settled_counts_no_more() -> None:
    latest = noted(record(1, refused={"orders": 2}), record(2, refused={"orders": 0}))

    assert latest.streams["orders"].open_records == 0


def test_a_run_that_found_nothing_new_confirms_what_is_published_and_one_that_failed_does_not() -> None:
    published, idle = record(1), record(2, publishes=False, is_idle=True)
    failed = record(3, "failed", publishes=False, is_idle=True)

    latest = noted(published, idle, failed)

    assert latest.published_at == published.run.published_at
    assert latest.confirmed_at == idle.run.ended_at


RUNS = st.lists(
    st.builds(
        record,
        st.integers(1, 20),
        st.sampled_from(("completed", "failed", "crashed")),
        publishes=st.booleans(),
        is_idle=st.booleans(),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda each: each.run.run_id,
)


@given(runs=RUNS, shuffled=st.randoms(use_true_random=False))
def test_times_are_the_newest_and_the_run_is_the_last_whatever_the_order(
    runs: list[RunRecord], shuffled: st.DrawFn
) -> None:
    in_order = noted(*sorted(runs, key=lambda each: each.run.ended_at))
    shuffled.shuffle(runs)  # type: ignore[attr-defined]

    assert noted(*runs) == in_order


def test_whoever_puts_a_record_notes_it_and_what_cannot_be_read_is_no_note(store: ObjectStore) -> None:
    outbox = Outbox(store)
    assert read_latest(store) is None
    outbox.put(record(1))
    assert outbox.put_if_absent(record(2, "crashed", publishes=False))
    assert not outbox.put_if_absent(record(1, "crashed"))
    latest = read_latest(store)
    store.put(layout.latest_run_key(), b"half")

    assert latest == noted(record(1), record(2, "crashed", publishes=False))
    assert read_latest(store) is None
    assert {item.run.run_id for item in outbox.waiting()} == {"run-1", "run-2"}  # the note is none of them


def test_a_record_stands_though_its_note_could_not_be_written(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = store.put

    def put(key: str, body: bytes) -> None:
        if key == layout.latest_run_key():
            raise TransientError("the lake does not answer")
        real(key, body)

    monkeypatch.setattr(store, "put", put)
    Outbox(store).put(record(1))

    assert [item.run.run_id for item in Outbox(store).waiting()] == ["run-1"]

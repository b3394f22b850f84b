"""Killed runs: how they are recognised, and their records."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from ingest.contracts.registry import ContractRegistry
from ingest.lake.objects.store import ObjectStore
from orchestration.ops.crashed import complete
from orchestration.ops.outbox import Outbox
from orchestration.ops.running import RunningMark, RunningMarks
from orchestration.warehouse.ops.rows import RunRecord, RunRow, RunState
from tests.orchestration.lake_builder import AT, LakeBuilder, contract, thing

SAYS_ITS_MARK = """
import sys
from datetime import UTC, datetime
from orchestration.ops.running import RunningMark
mark = RunningMark.here(run_id="r", run_name="n", warehouse="duckdb", parameters="{}", started_at=datetime.now(UTC))
print(mark.model_dump_json(), flush=True)
sys.stdin.read()
"""


def mark(run_id: str = "r", started_at: datetime | None = None) -> RunningMark:
    return RunningMark.here(
        run_id=run_id, run_name="n", warehouse="duckdb", parameters="{}", started_at=started_at or datetime.now(UTC)
    )


def test_a_mark_is_of_its_process_and_of_no_later_one_with_its_number() -> None:
    assert not mark().is_gone
    assert mark().model_copy(update={"process_began": 1}).is_gone, "another process has its number now"
    assert not mark().model_copy(update={"host": "elsewhere", "pid": 1_999_999_999}).is_gone, "nothing is known of it"
    with subprocess.Popen(
        [sys.executable, "-c", SAYS_ITS_MARK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        other = RunningMark.model_validate_json(process.stdout.readline())
        assert other.pid == process.pid
        assert not other.is_gone
        process.kill()
    assert other.is_gone


def test_marks_that_cannot_be_read_are_left_out(store: ObjectStore) -> None:
    marks = RunningMarks(store)
    marks.put(mark("a"))
    store.put("_ops/running/b.json", b"{")
    assert [each.run_id for each in marks.all()] == ["a"]
    marks.remove("a")
    marks.remove("a")
    assert marks.all() == []


def test_a_killed_run_gets_the_record_of_what_it_had_committed(store: ObjectStore, lake: LakeBuilder) -> None:
    killed = mark(started_at=AT)
    lake.data([thing(1)], run_id="r", committed_at=AT - timedelta(hours=2))
    lake.data([thing(2)], run_id="earlier", committed_at=AT - timedelta(minutes=1))
    lake.data([thing(3), thing(4)], run_id="r", committed_at=AT + timedelta(minutes=1))
    lake.data([thing(5)], run_id="another", committed_at=AT + timedelta(minutes=2))
    lake.data([thing(6)], run_id="r", committed_at=AT + timedelta(minutes=3))
    lake.keys([thing(6)])
    RunningMarks(store).put(killed)
    registry = ContractRegistry([contract()])

    assert complete(store, registry, killed)
    assert RunningMarks(store).all() == []
    [record] = Outbox(store).waiting()
    assert (record.run.state, record.run.rows_landed, record.run.streams) == ("crashed", 3, 1)
    assert (record.run.started_at, record.run.ended_at) == (AT, AT + timedelta(minutes=3))
    [row] = record.streams
    assert (row.stream, row.rows_landed, row.version_landed) == ("things", 3, 5)


@pytest.mark.parametrize("state", ["completed", "failed", "interrupted"])
def test_a_run_that_left_its_own_record_keeps_it(store: ObjectStore, state: RunState) -> None:
    now = datetime.now(UTC)
    own = RunRecord(
        run=RunRow.model_validate(
            {
                "run_id": "r",
                "state": state,
                "warehouse": "duckdb",
                "started_at": now,
                "ended_at": now,
                "run_seconds": 0.0,
            }
        )
    )
    Outbox(store).put(own)
    RunningMarks(store).put(mark())
    assert not complete(store, ContractRegistry([contract()]), mark())
    assert Outbox(store).waiting() == [own]
    assert RunningMarks(store).all() == []


def test_the_outbox_gives_the_oldest_first_and_leaves_what_it_cannot_read(store: ObjectStore) -> None:
    def record(run_id: str, minutes: int) -> RunRecord:
        at = datetime(2028, 2, 29, 12, minutes, tzinfo=UTC)
        row = RunRow(run_id=run_id, state="completed", warehouse="duckdb", started_at=at, ended_at=at, run_seconds=0.0)
        return RunRecord(run=row)

    outbox = Outbox(store)
    for each in (record("a", 3), record("b", 1), record("b", 2)):
        outbox.put(each)
    store.put("_ops/runs/broken.json", b"[]")
    assert outbox.waiting() == [record("b", 2), record("a", 3)]
    assert outbox.waiting(record("a", 3)) == [record("b", 2), record("a", 3)]
    outbox.remove([record("a", 3)])
    assert outbox.waiting() == [record("b", 2)]
    assert [item.key for item in store.list("_ops/runs/")] == ["_ops/runs/b.json", "_ops/runs/broken.json"]

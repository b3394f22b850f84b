"""Snapshots of rows that leave, come back and change, in any order, and the repair of broken ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingest.settings import LakeSettings
from tests.dbt.running.project import Dbt
from tests.dbt.running.raw_database import RawDatabase

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NO_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
SNAPSHOTS = ("snap_products", "snap_stock_levels", "snap_campaigns")
HISTORIES = ("dim_product", "dim_campaign_history")
MODELS = ("--select", *(f"+{name}" for name in (*SNAPSHOTS, *HISTORIES)), *NO_TESTS)
END_OF_TIME = datetime(9999, 12, 31)  # noqa: DTZ001 -- as MART has it, without a zone
ROUNDS = 4


@dataclass(frozen=True)
class State:
    """The state of a row at the source. Content `None` means that it does not exist."""

    content: int | None
    updated_at: datetime


@dataclass(frozen=True)
class Version:
    """A version in a snapshot."""

    content: int
    is_deleted: bool
    begins_at: datetime
    ends_at: datetime | None


@dataclass(frozen=True)
class Move:
    """A change of a row between two runs. `lands` says whether ingest lands the row for it."""

    name: str
    lands: bool
    apply: Callable[[State, State, datetime], State]
    """From the row as it is, or as it was when it left, its first state, and the moment."""


STAYS = Move("stays", lands=False, apply=lambda row, first, now: row)
LANDED_AGAIN = Move("landed again", lands=True, apply=lambda row, first, now: row)
CHANGES = Move("changes", lands=True, apply=lambda row, first, now: State(_next(row), now))
BEHIND = Move("changes behind its cursor", lands=True, apply=lambda row, first, now: State(_next(row), row.updated_at))
OLDER = Move("is set back", lands=True, apply=lambda row, first, now: first)
LEAVES = Move("leaves", lands=False, apply=lambda row, first, now: State(None, row.updated_at))
PRESENT = (STAYS, LANDED_AGAIN, CHANGES, BEHIND, OLDER, LEAVES)
"""What may happen to a row that is there. One that is away stays away, or comes back in one of the other ways."""


def _next(row: State) -> int:
    assert row.content is not None
    return row.content + 1


@dataclass
class Row:
    """One row's changes over the rounds, and the history that a snapshot must have of it."""

    moves: Sequence[Move]
    first: State = State(0, START - DAY)
    state: State = State(0, START - DAY)
    away: bool = False
    landed: State = State(0, START - DAY)
    history: list[Version] = field(default_factory=list)

    def live(self, number: int, now: datetime) -> bool:
        """Go through round `number`. Return whether the row lands."""
        move = self.moves[number]
        if self.away and move is LEAVES:
            return False
        self.away = move is LEAVES
        if self.away:
            return False
        self.state = move.apply(self.state, self.first, now)
        return move.lands

    def seen(self, at: datetime, *, landed: bool) -> None:
        """Record that the snapshot saw the present row, in a version of the log that was committed at `at`."""
        last = self.history[-1] if self.history else None
        if self.away:
            if last is not None and not last.is_deleted:
                self._begin(Version(last.content, True, max(at, last.begins_at), None))
            return
        if landed:
            self.landed = self.state
        content = self.landed.content
        assert content is not None
        changed = last is None or last.is_deleted or (content, self.landed.updated_at) != self._open
        if changed:
            begins_at = self.landed.updated_at
            if last is not None and begins_at <= last.begins_at:
                begins_at = max(at, last.begins_at)
            self._begin(Version(content, False, begins_at, None))
            self._open = (content, self.landed.updated_at)

    _open: tuple[int, datetime] = (0, START)

    def _begin(self, version: Version) -> None:
        if self.history:
            self.history[-1] = replace(self.history[-1], ends_at=version.begins_at)
        self.history.append(version)


def every_order(rounds: int) -> Iterator[tuple[Move, ...]]:
    """Yield every sequence of moves."""
    if rounds == 0:
        yield ()
        return
    for earlier in every_order(rounds - 1):
        for move in PRESENT:
            yield (*earlier, move)


@dataclass(frozen=True)
class Snapshotted:
    """A stream with a snapshot: a source row for a number, and the query of the snapshot."""

    stream: str
    record: Callable[[int, State], Mapping[str, Any]]
    key: str
    """The number, from a snapshot's columns."""
    content: str
    history: str | None
    """The mart that is made of RAW's versions and this snapshot's deletions."""


def _product(number: int, row: State) -> Mapping[str, Any]:
    values = {"sku": f"SKU-{number}", "name": "n", "category": "c", "price": row.content, "currency": "EUR"}
    return values | {
        "attributes": "{}",
        "is_active": True,
        "created_at": START,
        "updated_at": row.updated_at,
        "product_id": number,
    }


def _level(number: int, row: State) -> Mapping[str, Any]:
    pair = {"warehouse_id": number % 7, "product_id": number // 7}
    return pair | {"on_hand": row.content, "reorder_point": 0, "created_at": START, "updated_at": row.updated_at}


def _campaign(number: int, row: State) -> Mapping[str, Any]:
    name = f"cmp_{number}"
    record = {"campaign_id": name, "subject": str(row.content), "updated_at": row.updated_at.isoformat()}
    return {"campaign_id": name, "updated_at": row.updated_at, "payload": json.dumps(record)}


STREAMS = (
    Snapshotted("products", _product, "product_id", "cast(list_price as integer)", "dim_product"),
    Snapshotted("stock_levels", _level, "product_id * 7 + warehouse_id", "on_hand", None),
    Snapshotted(
        "campaigns",
        _campaign,
        "cast(substr(campaign_id, 5) as integer)",
        "cast(subject as integer)",
        "dim_campaign_history",
    ),
)


def land(raw: RawDatabase, stream: Snapshotted, rows: Sequence[Row], landing: set[int], at: datetime) -> None:
    present = [(number, row) for number, row in enumerate(rows) if not row.away]
    records = [stream.record(number, row.state) for number, row in present if number in landing]
    if records:
        raw.land(stream.stream, records, at)
    raw.land_keys(stream.stream, [stream.record(number, row.state) for number, row in present], at)


def history_of(raw: RawDatabase, stream: Snapshotted) -> dict[int, list[Version]]:
    rows = raw.query(
        f"select {stream.key}, {stream.content}, dbt_is_deleted = 'True', dbt_valid_from, dbt_valid_to "
        f"from SNAPSHOTS.snap_{stream.stream} order by 1, dbt_valid_from, coalesce(dbt_valid_to, 'infinity')"
    )
    found: dict[int, list[Version]] = {}
    for number, content, is_deleted, begins_at, ends_at in rows:
        ends = ends_at.replace(tzinfo=UTC) if ends_at else None
        found.setdefault(number, []).append(Version(content, is_deleted, begins_at.replace(tzinfo=UTC), ends))
    return found


def marts_history_of(raw: RawDatabase, stream: Snapshotted) -> dict[int, list[Version]]:
    """Return the versions in a history of MART, which is computed from RAW."""
    rows = raw.query(
        f"select {stream.key}, {stream.content}, is_deleted, valid_from, valid_to "
        f"from MART.{stream.history} order by 1, 4"
    )
    found: dict[int, list[Version]] = {}
    for number, content, is_deleted, begins_at, ends_at in rows:
        ends = None if ends_at == END_OF_TIME else ends_at.replace(tzinfo=UTC)
        found.setdefault(number, []).append(Version(content, is_deleted, begins_at.replace(tzinfo=UTC), ends))
    return found


def from_the_beginning_of_time(history: Sequence[Version]) -> list[Version]:
    """Return a snapshot's history in MART's form: without versions of no length, and the first one from 1900 on."""
    lasting = [version for version in history if version.begins_at != version.ends_at]
    return [replace(lasting[0], begins_at=datetime(1900, 1, 1, tzinfo=UTC)), *lasting[1:]]


@pytest.mark.slow
def test_every_order_of_leave_return_and_change_is_kept_as_it_was_seen(raw: RawDatabase, dbt: Dbt) -> None:
    orders = list(every_order(ROUNDS))
    rows = [Row(moves) for moves in orders]
    everybody = set(range(len(rows)))
    for number in range(-1, ROUNDS):
        at = START + (number + 1) * DAY
        landing = everybody if number < 0 else {n for n, row in enumerate(rows) if row.live(number, at - DAY / 2)}
        for stream in STREAMS:
            land(raw, stream, rows, landing, at)
        dbt.succeed("build", *MODELS)
        for n, row in enumerate(rows):
            row.seen(at, landed=n in landing)

    dbt.succeed("test", "--indirect-selection", "cautious", "--select", *SNAPSHOTS)
    for stream in STREAMS:
        found = history_of(raw, stream)
        assert len(found) == len(rows)
        for n, row in enumerate(rows):
            assert found[n] == row.history, (stream.stream, [move.name for move in row.moves])
        if stream.history is not None:
            shown = marts_history_of(raw, stream)
            for n, row in enumerate(rows):
                assert shown[n] == from_the_beginning_of_time(row.history), (stream.history, row.moves)


def mend(raw: RawDatabase, lake: LakeSettings) -> str:
    """Run the command and return its output."""
    folder = raw.path.parent
    variables = {"WAREHOUSE": "duckdb", "WAREHOUSE_DIR": str(folder), "RUNS_DIR": str(folder / "runs")}
    variables |= {"RAW_BUCKET": lake.bucket, "AWS_ENDPOINT_URL": lake.endpoint_url or ""}
    command = [sys.executable, "-m", "orchestration.warehouse", "mend-snapshots"]
    return subprocess.run(command, env={**os.environ, **variables}, check=True, capture_output=True, text=True).stdout


BREAK = {
    "as DuckDB was left: two versions of one id, the deletion ends before it begins": """
        update SNAPSHOTS.snap_products set dbt_valid_to = dbt_valid_from - interval 5 day where dbt_is_deleted = 'True';
        insert into SNAPSHOTS.snap_products by name
        select * replace (null::timestamp as dbt_valid_to) from SNAPSHOTS.snap_products
        where dbt_is_deleted = 'False' and product_id = 0
    """,
    "as Snowflake was left: no open version": """
        update SNAPSHOTS.snap_products set dbt_valid_to = dbt_valid_from - interval 5 day where dbt_is_deleted = 'True'
    """,
}


@pytest.mark.slow
@pytest.mark.parametrize("statements", BREAK.values(), ids=BREAK)
def test_a_broken_history_is_mended_and_goes_on(
    raw: RawDatabase, dbt: Dbt, lake_settings: LakeSettings, statements: str
) -> None:
    select = ("--select", "+snap_products", *NO_TESTS)
    products, rows = STREAMS[0], [Row([LEAVES]), Row([STAYS])]
    land(raw, products, rows, {0, 1}, START)
    dbt.succeed("build", *select)
    rows[0].live(0, START)
    land(raw, products, rows, set(), START + DAY)
    dbt.succeed("build", *select)
    rows[0].away = False
    land(raw, products, rows, set(), START + 2 * DAY)
    untouched = history_of(raw, products)[1]
    raw.execute(statements)
    assert "one_open_version_snap_products_product_id" in dbt.run("test", "--select", "snap_products").output

    assert mend(raw, lake_settings) == "SNAPSHOTS.snap_products: 1 keys had a broken history, which is mended\n"
    assert mend(raw, lake_settings) == "SNAPSHOTS.snap_products: whole\n"
    dbt.succeed("build", *select)
    dbt.succeed("test", "--indirect-selection", "cautious", "--select", "snap_products")
    history = history_of(raw, products)
    assert history[1] == untouched
    left, away, back = history[0]
    assert (left.begins_at, left.ends_at) == (START - DAY, START + DAY)
    assert (away.is_deleted, back.is_deleted, back.ends_at) == (True, False, None)
    assert START + DAY <= away.ends_at == back.begins_at <= START + 2 * DAY

"""Campaign 2, equal timestamps: one transaction's 50,000 rows share one cursor value, to the microsecond.

They are spread over driver batches, row groups and files, and windows begin and end exactly at that value: while the
transaction is open, the horizon, and so the end of the window, is its own timestamp.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from unittest.mock import patch

import psycopg2
from psycopg2.extensions import connection as Connection

from ingest.contracts.model import StreamContract
from ingest.contracts.registry import ContractRegistry
from ingest.lake.commit import Commit, CommitKind
from ingest.run.runner import open_ingestion
from ingest.settings import IngestSettings
from tests.chaos.campaign import Order, Report
from tests.chaos.line import Ground, Line

NAME = "equal"
FULL = 50_000
_ROW_BYTES = 2_000
"""What a row of the first scene weighs: 50,000 of them fill several row groups, and so several files."""
_TICK = timedelta(microseconds=1)


def run(ground: Ground, order: Order) -> Report:
    """Play every scene, then judge."""
    contract = ContractRegistry.load()["customers"]
    rows = order.size(FULL, least=2_000)
    report = Report(NAME, order, wanted=len(_SCENES), figures={"rows of one value": rows})
    with ground.line(NAME) as line, line.session() as session, _pieces(order):
        settings = line.settings.model_copy(update={"target_file_bytes": 1})
        scene = _Scene(line, settings, contract, session, report, rows)
        line.ingest([contract])
        for number in order.rounds(report.wanted):
            _SCENES[number](scene)
            report.done += 1
        line.ingest([contract])
        line.load([contract])
        report.take(line.judge([contract], staging=False))
        scene.backfill()
        line.load([contract])
        report.take(line.judge([contract], landed_once=False))
    return report


@contextmanager
def _pieces(order: Order) -> Iterator[None]:
    """Use smaller driver batches and row groups, so that fewer rows are cut into as many pieces as at full size."""
    with ExitStack() as stack:
        if order.scale < 1:
            stack.enter_context(patch("ingest.sources.postgres.reader.BATCH_BYTES", 2**18))
            stack.enter_context(patch("ingest.lake.files.writer.ROW_GROUP_BYTES", 2**20))
        yield


@dataclass
class _Scene:
    line: Line
    settings: IngestSettings
    contract: StreamContract
    session: Connection
    report: Report
    rows: int
    shared: datetime | None = None

    def window_ends_at_an_open_transaction(self) -> None:
        """Write rows without a commit: the window ends at their cursor, and the next one begins there."""
        self._a_row_before()
        with self._other() as writer:
            self.shared = _started(writer)
            _insert(writer, self.rows, _ROW_BYTES)
            before = self._run()
            writer.commit()
        self._expect_end(before, self.shared)
        after = self._run()
        self._expect(after, self.rows, start=self.shared)
        self._expect_cut(after)

    def window_ends_at_visible_rows(self) -> None:
        """Rows with a given cursor at the horizon: those at it stay out, those a tick below it are landed."""
        few = self.rows // 4
        self._a_row_before()
        with self._other() as holder:
            horizon = _started(holder)
            _insert(self.session, few, 100, cursor=horizon)
            _insert(self.session, few, 100, cursor=horizon - _TICK)
            before = self._run()
            holder.rollback()
        self._expect_end(before, horizon)
        self._expect(before, few + 1)
        self._expect(self._run(), few, start=horizon)

    def one_update_gives_every_row_one_value(self) -> None:
        """Write a second version of all rows with one cursor, and run while it is open, then after."""
        self._a_row_before()
        with self._other() as writer:
            moment = _started(writer)
            with writer.cursor() as cursor:
                cursor.execute("update customers set full_name = 'x', marketing_consent = not marketing_consent")
                changed = cursor.rowcount
            self._expect_end(self._run(), moment)
            writer.commit()
        self._expect(self._run(), changed, start=moment)

    def backfill(self) -> None:
        """Backfill a window of one tick: it holds exactly the last shared value, and the ticks beside it are empty."""
        with self.session.cursor() as cursor:
            cursor.execute(
                "select max(updated_at), count(*) from customers group by updated_at order by 2 desc limit 1"
            )
            [(moment, count)] = cursor.fetchall()
        wanted = {moment - _TICK: 0, moment: count, moment + _TICK: 0}
        for start, rows in wanted.items():
            with open_ingestion(self.settings, [self.contract], "backfill", store=self.line.store) as opened:
                result = opened.backfill(self.contract.stream, start=start, end=start + _TICK)
            self.report.expect(
                result.rows_landed == rows,
                f"the backfill of the tick at {start} landed {result.rows_landed}, not {rows}",
            )

    def _a_row_before(self) -> None:
        """Write a row below the shared value, because a window without any row commits nothing."""
        _insert(self.session, 1, 10)

    def _other(self) -> closing[Connection]:
        return closing(psycopg2.connect(self.line.shop.owner_dsn))

    def _run(self) -> Commit | None:
        """Return one run's commit of data, None if it found nothing new."""
        [result] = self.line.ingest([self.contract], keys=False, settings=self.settings)
        return next((commit for commit in result.commits if commit.kind is CommitKind.DATA), None)

    def _expect(self, commit: Commit | None, rows: int, *, start: datetime | None = None) -> None:
        landed = commit.rows if commit else 0
        self.report.expect(landed == rows, f"a window landed {landed} rows, not {rows}")
        if commit is not None and start is not None:
            begun = commit.window.start if commit.window else None
            self.report.expect(begun == start, f"a window begins at {begun}, not at the shared value {start}")

    def _expect_end(self, commit: Commit | None, end: datetime) -> None:
        after = commit.watermark.after if commit else None
        self.report.expect(after == end, f"a window ends at {after}, not at the shared value {end}")

    def _expect_cut(self, commit: Commit | None) -> None:
        """Expect that at least two files meet within the shared value."""
        files = commit.files if commit else ()
        met = sum(one.max_cursor == other.min_cursor == self.shared for one, other in pairwise(files))
        self.report.expect(met, f"{len(files)} files: no two of them meet within the shared value")
        self.report.figures["files of one value"] = len(files)


_SCENES: tuple[Callable[[_Scene], None], ...] = (
    _Scene.window_ends_at_an_open_transaction,
    _Scene.window_ends_at_visible_rows,
    _Scene.one_update_gives_every_row_one_value,
)


def _started(connection: Connection) -> datetime:
    """Begin a transaction and return its timestamp, which every row that it writes will carry."""
    with connection.cursor() as cursor:
        cursor.execute("select now()")
        row = cursor.fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment


def _insert(connection: Connection, count: int, width: int, *, cursor: datetime | None = None) -> None:
    """Sign up `count` customers with names of `width` characters, in one statement."""
    with connection.cursor() as statement:
        statement.execute(
            "insert into customers (email, full_name, country, marketing_consent, signed_up_at, created_at, updated_at)"
            " select gen_random_uuid() || '@example.com', repeat('x', %s), 'NL', true, '2026-06-01', %s, %s"
            " from generate_series(1, %s)",
            (width, cursor, cursor, count),
        )

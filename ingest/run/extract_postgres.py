"""The extraction of one Postgres stream in one run: its window or snapshot, keys and count, from one database
snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pyarrow as pa

from ingest.contracts.drift import Adaptation
from ingest.contracts.model import ChildTables, Column, Mode
from ingest.errors import ConfigurationError, FatalError
from ingest.lake.batch import Batch, QuarantinedRecord
from ingest.lake.commit import Commit, CommitKind, Watermark, Window, columns_of, is_unchanged, unmoved, watermark_of
from ingest.run.context import IngestionContext, SourceCount, StreamResult
from ingest.run.keys_pass import KeysPass, Returned, in_texts
from ingest.run.quarantine import settling_batch
from ingest.run.retry_rows import retry_rows
from ingest.run.verification import land_found, verify
from ingest.run.window import Bounds, settled_part
from ingest.sources.postgres.columns import RowConverter
from ingest.sources.postgres.reader import PostgresSession
from ingest.verify.report import Verification
from ingest.verify.sources import PostgresRows, SourceRows
from ingest.verify.verifier import Compared

_CLOCK_SLACK = timedelta(minutes=1)
"""How far a cursor may lie beyond the database's clock before it is logged: clocks of a cluster differ a little."""
_EXAMPLES = 3
_SMALL_BYTES = 256 * 1024
"""A full set of so many bytes in the lake is read anew in less time than it takes to find out whether it must be."""


class PostgresExtraction:
    """The extraction of one Postgres stream. Make a new one for each try."""

    def __init__(self, context: IngestionContext, adaptation: Adaptation, session: PostgresSession) -> None:
        """Prepare an extraction. `adaptation` is the contract with the source's current columns."""
        self._context = context
        self._contract = adaptation.contract
        self._session = session
        self._notices = adaptation.notices
        self._changes = adaptation.changes
        self._read_until: datetime | None = None
        self._opened_on = self._head

    def ingest(self, *, keys: bool, count: bool) -> StreamResult:
        """Land new rows, then the deleted keys if the contract asks for them, then count the rows at the source."""
        if self._contract.spec.mode is Mode.SNAPSHOT:
            self._land_snapshot()
            self._read_until = self._session.horizon.read_at
        else:
            self._land_new_columns()
            self._land_window()
            self._note_rows_of_the_future()
        if keys and self._contract.lands_keys:
            self._find_deletions()
        return self._result(self._count() if count else None)

    def is_quick(self, *, keys: bool) -> bool:
        """Return whether `ingest` reads little: a small table, or without keys no row or a snapshot that was small."""
        if self._table_is_small():
            return True
        head, before = self._head, watermark_of(self._head)
        if keys or head is None:
            return False
        if self._contract.spec.mode is Mode.SNAPSHOT:
            return head.size <= _SMALL_BYTES
        if before is None or self._columns_changed:
            return False
        window = self._window(before)
        return window is None or not self._session.has_rows(self._contract, window)

    def _table_is_small(self) -> bool:
        """Return whether all rows lie in one plain table of few bytes. Of other relations no size is known."""
        table = self._session.table(self._contract.source_object)
        if table is None or table.kind != "table":
            return False
        alone = not table.children or self._contract.spec.child_tables is ChildTables.EXCLUDE
        return alone and table.bytes <= self._context.settings.small_table_bytes

    def land_keys(self) -> StreamResult:
        """Land only deleted keys and keys that came back."""
        self._find_deletions()
        return self._result(None)

    def backfill(self, bounds: Bounds) -> StreamResult:
        """Land a window again, as far as it lies below the horizon. The watermark stays."""
        part, notice = settled_part(bounds, self._session.horizon.at)
        self._notices += (notice,) if notice else ()
        if part is not None:
            self._land_again(Window(start=part[0], end=part[1]))
        return self._result(None)

    def retry_quarantined(self) -> StreamResult:
        """Land the quarantined rows that fit now."""
        retry_rows(self._context, self._contract, self._session)
        return self._result(None)

    def verify(self, *, repair: bool) -> Verification:
        """Compare the table with the lake. With `repair`, land the differences."""
        boundary = self._settled_until

        def source() -> SourceRows:
            return PostgresRows(self._contract, self._session, boundary, self._context.progress)

        return verify(self._context, self._contract, source, self._repair if repair else None)

    def _repair(self, found: Compared) -> None:
        if self._contract.spec.mode is Mode.SNAPSHOT:
            self._land_snapshot()
            return
        retry_rows(self._context, self._contract, self._session)
        land_found(self._context, self._contract, found)
        if found.verification.extra.rows and self._contract.lands_keys:
            self._find_deletions(whole=True)

    @property
    def _settled_until(self) -> datetime | None:
        """The cursor below which no later window reads a row."""
        landed_below = watermark_of(self._head)
        return landed_below - self._contract.spec.allowed_lateness if landed_below else None

    @property
    def _head(self) -> Commit | None:
        return self._context.heads[self._contract.stream]

    def _land_again(self, window: Window) -> None:
        with self._batch(CommitKind.BACKFILL) as batch:
            self._read_window(batch, window)
            if batch.read:
                self._context.committed(batch.commit(window=window, watermark=unmoved(self._head)))

    def _land_new_columns(self) -> None:
        """Land all rows again if a column that is new in the lake holds values in rows that are already landed.

        `ADD COLUMN ... DEFAULT` gives every row a value without moving its cursor.
        """
        head, landed_below = self._head, watermark_of(self._head)
        if head is None or landed_below is None or not head.columns:
            return
        new = tuple(column for column in self._contract.columns if column.name not in head.columns)
        if new and self._session.has_values(self._contract, new, below=landed_below):
            self._land_again(Window(start=None, end=landed_below))

    @property
    def _columns_changed(self) -> bool:
        """Whether a changed shape must be committed although there is no new row."""
        head = self._head
        return head is not None and bool(head.columns) and head.columns != columns_of(self._contract)

    def _require_margin(self) -> None:
        """Check that the horizon's margin is at least the cursor's rounding.

        Otherwise a cursor that the source rounds down could fall below a horizon that was read before the row was
        written.
        """
        rounding, margin = self._contract.cursor_rounding, self._context.settings.horizon_margin_seconds
        if rounding.total_seconds() > margin:
            raise ConfigurationError(
                f"cursor '{self._contract.spec.cursor}' is {self._contract.cursor_column.source_type}, which is "
                f"rounded by up to {rounding.total_seconds():g} s, and HORIZON_MARGIN_SECONDS is {margin:g}",
                stream=self._contract.stream,
                hint=f"Raise HORIZON_MARGIN_SECONDS to {rounding.total_seconds():g} at least, or keep all its digits.",
            )

    def _land_window(self) -> None:
        self._require_margin()
        before = watermark_of(self._head)
        window = self._window(before)
        if window is None:
            notice = self._session.horizon.notice_of_a_clock_set_back(self._contract.stream, before)
            self._notices += (notice,) if notice else ()
            return
        with self._batch(CommitKind.DATA) as batch:
            self._read_window(batch, window)
            if batch.read or self._columns_changed:
                watermark = Watermark(before=before, after=window.end)
                self._context.committed(batch.commit(window=window, watermark=watermark))
        self._read_until = window.end

    def _window(self, before: datetime | None) -> Window | None:
        """Return the window from the watermark `before` to the horizon; None if the horizon has not moved."""
        end = self._session.horizon.at
        if end is None or (before is not None and end <= before):
            return None
        return Window(start=before - self._contract.spec.allowed_lateness if before else None, end=end)

    def _note_rows_of_the_future(self) -> None:
        """Report rows that no window will read for long, because their cursors lie beyond the database's clock."""
        slack = max(_CLOCK_SLACK, self._contract.spec.allowed_lateness)
        found = self._session.beyond(self._contract, self._session.horizon.read_at + slack, examples=_EXAMPLES)
        if not found.rows:
            return
        cursor = self._contract.spec.cursor
        more = ", ..." if found.rows > len(found.keys) else ""
        count = "1 row has" if found.rows == 1 else f"{found.rows:,} rows have"
        self._notices += (
            f"{count} a cursor in the future ('{cursor}' up to {found.highest}): {', '.join(found.keys)}{more}. Such a "
            f"row is landed when that time has come, and not before: correct '{cursor}' at the source",
        )

    def _find_deletions(self, *, whole: bool = False) -> None:
        """Land keys that the snapshot lacks, and rows that are back in it with a cursor that was read before."""
        converter = RowConverter(self._contract, self._contract.key_columns)
        keys = (converter.convert(rows).batch for rows in self._session.read_keys(self._contract))
        keys_pass = KeysPass(self._context, self._contract, self._land_returned, first=self._opened_on is None)
        keys_pass.run(keys, converter.schema, whole=whole)

    def _land_returned(self, keys: Returned) -> None:
        below = self._settled_until
        if below is None:
            return
        converter = RowConverter(self._contract, self._contract.columns)
        with settling_batch(self._context, self._contract, converter.schema) as batch:
            for some in in_texts(keys):
                for rows in self._session.read_settled(self._contract, some, below=below):
                    batch.write(converter.convert(rows).batch)
            if batch.read:
                self._context.committed(batch.commit(window=None, watermark=unmoved(self._head)))

    def _land_snapshot(self) -> None:
        """Land all rows, unless they equal those of the newest commit."""
        head = self._head
        with self._batch(CommitKind.SNAPSHOT) as batch:
            self._read_window(batch, None)
            if is_unchanged(head, batch.digest):
                return
            self._context.committed(batch.commit(window=None, watermark=unmoved(head)))

    def _read_window(self, batch: Batch, window: Window | None) -> None:
        refused = self._copy(batch, self._session.read(self._contract, window), self._contract.columns)
        if not refused:
            return
        rows = self._session.refused_rows(self._contract, window)
        if len(rows) != refused:
            raise FatalError(
                f"{refused} rows could not be converted, but {len(rows)} were found to quarantine",
                stream=self._contract.stream,
            )
        batch.refuse(
            [
                QuarantinedRecord(row.reason, position, row.key, row.record.encode())
                for position, row in enumerate(rows, batch.landed + 1)
            ]
        )

    def _copy(self, batch: Batch, source: Iterator[pa.RecordBatch], columns: tuple[Column, ...]) -> int:
        converter = RowConverter(self._contract, columns)
        refused = 0
        for rows in source:
            converted = converter.convert(rows)
            refused += converted.refused
            batch.write(converted.batch)
            self._context.progress(self._contract.stream, batch.read)
        return refused

    def _batch(self, kind: CommitKind) -> Batch:
        return Batch(
            self._context.store,
            self._contract,
            self._context.origin(self._contract.stream),
            kind=kind,
            columns=RowConverter(self._contract, self._contract.columns).schema,
            target_file_bytes=self._context.settings.target_file_bytes,
        )

    def _count(self) -> SourceCount:
        if self._contract.spec.mode is Mode.SNAPSHOT:
            return SourceCount(self._session.count(self._contract, below=None))
        below = self._boundary()
        converter = RowConverter(self._contract, self._contract.key_columns)
        in_flight = [
            converter.convert(rows).batch for rows in self._session.read_keys(self._contract, unsettled_from=below)
        ]
        rows = self._session.count(self._contract, below=below) if below else 0
        return SourceCount(rows, pa.Table.from_batches(in_flight, schema=converter.schema))

    def _boundary(self) -> datetime | None:
        """The moment below which everything is landed: the watermark, or the horizon if nothing new lay below it."""
        moments = [moment for moment in (watermark_of(self._head), self._session.horizon.at) if moment is not None]
        return max(moments, default=None)

    def _result(self, source_count: SourceCount | None) -> StreamResult:
        horizon = self._session.horizon
        lag = (horizon.read_at - horizon.at).total_seconds() if horizon.at else None
        return self._context.result(
            self._contract.stream,
            lag_seconds=lag,
            blocker=str(horizon.blocker) if horizon.blocker else None,
            notices=self._notices,
            source_count=source_count,
            read_until=self._read_until,
            changes=self._changes,
        )

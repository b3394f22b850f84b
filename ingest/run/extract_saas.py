"""The extraction of one SaaS stream in one run: its settled window in resumable commits, its keys, its count."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contracts.model import StreamContract
from ingest.lake.batch import Batch
from ingest.lake.commit import Commit, CommitKind, Resume, Watermark, Window, unmoved, watermark_of
from ingest.retry import WaitBudget
from ingest.run.context import IngestionContext, SourceCount, StreamResult
from ingest.run.keys_pass import KeysPass, Returned
from ingest.run.retry_records import retry_records
from ingest.run.verification import land_found, verify
from ingest.run.window import Bounds, settled_part
from ingest.sources.api.http import ApiClient
from ingest.sources.api.records import KeyDecoder, RecordDecoder, UnreadableKeyError
from ingest.sources.api.saas import ExpiredCursorError, Page, SaasStream
from ingest.sources.api.walk import WindowWalk, split
from ingest.sources.prefetch import prefetched
from ingest.verify.report import Verification
from ingest.verify.sources import SaasRows, SourceRows
from ingest.verify.verifier import Compared


class SaasExtraction:
    """The extraction of one SaaS stream. Make a new one for each try."""

    def __init__(self, context: IngestionContext, contract: StreamContract, api: ApiClient, budget: WaitBudget) -> None:
        self._context = context
        self._contract = contract
        self._decoder = RecordDecoder(contract)
        self._source = SaasStream(api, contract, page_size=context.settings.saas_page_size, budget=budget)
        self._settling = timedelta(seconds=context.settings.saas_settling_seconds)
        self._notices: list[str] = []
        self._read_until: datetime | None = None

    def ingest(self, *, keys: bool, count: bool) -> StreamResult:
        """Land settled records, then the deleted keys if the contract asks for them, then count the records at the
        source.
        """
        settled = self._source.settled_until(self._settling)
        self._land_settled(settled)
        boundary = max(settled, watermark_of(self._head) or settled)
        self._read_until = boundary
        try:
            walked = self._land_keys() if keys and self._contract.lands_keys else None
        except UnreadableKeyError as error:
            # Deleted rows may still be in the lake, so the counts cannot be compared.
            self._notices.append(f"deletions were not looked for: {error.message}")
            return self._result(None)
        return self._result(self._count(boundary, walked) if count else None)

    def is_quick(self, *, keys: bool) -> bool:
        """Return whether `ingest` reads no record."""
        before = watermark_of(self._head)
        if keys or before is None or self._unfinished:
            return False
        settled = self._source.settled_until(self._settling)
        return settled <= before or not any(page.records for page in self._source.pages(self._window(before, settled)))

    def land_keys(self) -> StreamResult:
        """Land only deleted keys and keys that came back."""
        self._land_keys()
        return self._result(None)

    def backfill(self, bounds: Bounds) -> StreamResult:
        """Land a window again, as far as it has settled. The watermark stays."""
        part, notice = settled_part(bounds, self._source.settled_until(self._settling))
        self._notices += [notice] if notice else []
        if part is not None:
            window = Window(start=part[0], end=part[1])
            for once in split(window, watermark_of(self._head)):
                self._land(once, CommitKind.BACKFILL, unmoved(self._head), None)
        return self._result(None)

    def retry_quarantined(self) -> StreamResult:
        """Land the quarantined records that keep the contract now."""
        retry_records(self._context, self._contract)
        return self._result(None)

    def verify(self, *, repair: bool) -> Verification:
        """Compare all records of the API with the lake. With `repair`, land the differences."""

        def source() -> SourceRows:
            boundary = watermark_of(self._head)
            assert boundary is not None  # noqa: S101 - `verify` compares nothing before there is one
            return SaasRows(self._contract, self._source, self._decoder, boundary, self._context.progress)

        return verify(self._context, self._contract, source, self._repair if repair else None)

    def _repair(self, found: Compared) -> None:
        retry_records(self._context, self._contract)
        land_found(self._context, self._contract, found)
        if found.verification.extra.rows and self._contract.lands_keys:
            self._land_keys(whole=True)

    @property
    def _head(self) -> Commit | None:
        return self._context.heads[self._contract.stream]

    def _land_settled(self, settled: datetime) -> None:
        """Finish a window that an earlier run left unfinished, then read the window up to `settled`."""
        resume = self._head.watermark.resume if self._head else None
        if resume is not None:
            self._finish(resume)
        before = watermark_of(self._head)
        if before is not None and settled <= before:
            return
        window = self._window(before, settled)
        for part in split(window, before):
            self._land(part, CommitKind.DATA, Watermark(before=before, after=part.end), None)

    def _window(self, before: datetime | None, settled: datetime) -> Window:
        return Window(start=before - self._contract.spec.allowed_lateness if before else None, end=settled)

    def _finish(self, resume: Resume) -> None:
        done = Watermark(before=watermark_of(self._head), after=resume.window.end)
        try:
            self._land(resume.window, CommitKind.DATA, done, resume)
        except ExpiredCursorError as error:
            # Reading the window again lands some records twice in RAW. Staging keeps one row per key.
            self._notices.append(f"the page cursor was refused ({error.message}); the window was read again")
            self._land(resume.window, CommitKind.DATA, done, None)

    def _land(self, window: Window, kind: CommitKind, done: Watermark, resume: Resume | None) -> None:
        """Read `window` from the position `resume`, with a commit every `saas_commit_bytes`. The last commit leaves
        `done`.
        """
        resumed = resume is not None
        walk = WindowWalk(window, resume)
        following: Page | None = Page([], None)
        with prefetched(self._source.pages(window, resume=resume)) as pages:
            while following is not None:
                with self._batch(kind, self._decoder.schema) as batch:
                    following = self._fill(batch, pages, walk)
                    part = walk.cut(batch.version, finished=following is None)
                    if following is not None:
                        watermark = self._under_way(window, following, walk) if kind is CommitKind.DATA else done
                        self._context.committed(batch.commit(window=window, watermark=watermark, walk=part))
                    elif batch.read or resumed or self._unfinished:
                        self._context.committed(batch.commit(window=window, watermark=done, walk=part))

    @property
    def _unfinished(self) -> bool:
        return self._head is not None and self._head.watermark.resume is not None

    def _under_way(self, window: Window, page: Page, walk: WindowWalk) -> Watermark:
        before = watermark_of(self._head)
        assert page.next_cursor is not None  # noqa: S101 - a window's last page ends it
        resume = Resume(
            page_cursor=page.next_cursor,
            window=window,
            page_digest=page.newest.digest if page.newest else None,
            digest_cursor=page.newest.cursor if page.newest else None,
            walk=walk.first,
            reached=walk.reached,
        )
        return Watermark(before=before, after=before, resume=resume)

    def _fill(self, batch: Batch, pages: Iterator[Page], walk: WindowWalk) -> Page | None:
        """Read pages until the batch is full. Return the page after which to go on, or None at the window's end."""
        for page in pages:
            first = batch.read + walk.unplaced + 1
            decoded = self._decoder.decode(page.records, first_position=first, window=walk.window)
            batch.write(decoded.rows)
            batch.refuse(walk.place(decoded))
            self._context.progress(self._contract.stream, batch.read + walk.unplaced)
            if page.next_cursor is not None and batch.raw_bytes >= self._context.settings.saas_commit_bytes:
                batch.refuse(walk.release())
                return page
        batch.refuse(walk.release())
        return None

    def _land_keys(self, *, whole: bool = False) -> pa.Table:
        """Land deleted keys, and records that came back with a cursor that was read before.

        Returns all keys, each with its cursor. The walk has no upper end: a record that is edited meanwhile moves to a
        later position of the walk, not out of it.
        """
        decoder = KeyDecoder(self._contract)
        pages = self._source.pages(Window(start=None, end=None))
        walked = decoder.table([record for page in pages for record in page.records])
        keys = walked.select(list(self._contract.key)).combine_chunks()
        keys_pass = KeysPass(self._context, self._contract, partial(self._land_returned, walked))
        keys_pass.run(keys.to_batches(), keys.schema, whole=whole)
        return walked

    def _land_returned(self, walked: pa.Table, keys: Returned) -> None:
        """Land the records of `keys` whose cursors no later window will read. `walked` has the cursors."""
        landed_below = watermark_of(self._head)
        wanted = {key for batch in keys for key in _keys_of(pa.Table.from_batches([batch]), self._contract)}
        if landed_below is None or not wanted:
            return
        below = landed_below - self._contract.spec.allowed_lateness
        cursors = walked[self._contract.cursor_column.name].to_pylist()
        of_key = zip(_keys_of(walked, self._contract), cursors, strict=True)
        settled = {key: cursor for key, cursor in of_key if key in wanted and cursor < below}
        if not settled:
            return
        window = Window(start=min(settled.values()), end=max(settled.values()) + timedelta.resolution)
        with (
            self._batch(CommitKind.BACKFILL, self._decoder.schema) as batch,
            prefetched(self._source.pages(window)) as pages,
        ):
            for page in pages:
                rows = self._decoder.decode(page.records, first_position=1, window=window).rows
                chosen = [key in settled for key in _keys_of(pa.Table.from_batches([rows]), self._contract)]
                batch.write(rows.filter(pa.array(chosen, pa.bool_())))
            if batch.read:
                self._context.committed(batch.commit(window=None, watermark=unmoved(self._head)))

    def _count(self, boundary: datetime, walked: pa.Table | None) -> SourceCount:
        if not self._contract.lands_keys:
            return SourceCount(self._source.count(until=boundary))
        keys = list(self._contract.key)
        if walked is None:
            pages = self._source.pages(Window(start=boundary, end=None))
            above = KeyDecoder(self._contract).table([record for page in pages for record in page.records])
            return SourceCount(self._source.count(until=boundary), above.select(keys))
        below = pc.less(walked[self._contract.cursor_column.name], pa.scalar(boundary, pa.timestamp("us", "UTC")))
        return SourceCount(pc.sum(below).as_py() or 0, walked.filter(pc.invert(below)).select(keys))

    def _batch(self, kind: CommitKind, columns: pa.Schema) -> Batch:
        return Batch(
            self._context.store,
            self._contract,
            self._context.origin(self._contract.stream),
            kind=kind,
            columns=columns,
            target_file_bytes=self._context.settings.target_file_bytes,
        )

    def _result(self, source_count: SourceCount | None) -> StreamResult:
        return self._context.result(
            self._contract.stream,
            notices=tuple(self._notices),
            source_count=source_count,
            read_until=self._read_until,
        )


def _keys_of(rows: pa.Table, contract: StreamContract) -> list[tuple[Any, ...]]:
    return list(zip(*(rows[name].to_pylist() for name in contract.key), strict=True))

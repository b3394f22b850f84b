"""One reading of a window, page by page.

It knows how far it has come, and between which cursors refused records stand.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ingest.lake.batch import QuarantinedRecord
from ingest.lake.commit import Resume, Walk, Window
from ingest.sources.api.records import Decoded


class WindowWalk:
    """A walk through `window`, or through the rest of a window that `resume` left unfinished.

    A commit of an older release does not record how far its walk had come. A walk that continues it does not know
    either, and `ingest.lake.read_again` judges all commits of that walk together.
    """

    def __init__(self, window: Window, resume: Resume | None) -> None:
        self.window = window
        self._is_known = resume is None or resume.walk is not None
        self._start = self.reached = resume.reached if resume else None
        self._earliest: datetime | None = None
        self._unplaced: list[QuarantinedRecord] = []
        self.first = resume.walk if resume else None

    @property
    def unplaced(self) -> int:
        """Refused records that wait for the next readable cursor."""
        return len(self._unplaced)

    def place(self, page: Decoded) -> list[QuarantinedRecord]:
        """Return the refused records whose place in time is known after `page`, in the order of reading."""
        records = [replace(record, cursor_after=_later(record.cursor_after, self.reached)) for record in page.refused]
        if page.first_cursor is None or page.greatest_cursor is None:
            self._unplaced += records
            return []
        waited = [replace(record, cursor_before=page.first_cursor) for record in self._unplaced]
        self.reached = _later(page.greatest_cursor, self.reached)
        self._earliest = self._earliest or page.first_cursor
        last = next((at for at in range(len(records), 0, -1) if records[at - 1].cursor_before is not None), 0)
        self._unplaced = records[last:]
        return waited + records[:last]

    def release(self) -> list[QuarantinedRecord]:
        """Return the refused records that wait, for a batch that ends before the next readable cursor."""
        records, self._unplaced = self._unplaced, []
        return records

    def cut(self, version: int, *, finished: bool) -> Walk | None:
        """Return the part that was read since the last commit, for the commit `version`. The next part begins here."""
        if not self._is_known:
            return None
        self.first = self.first or version
        walk = Walk(
            first=self.first,
            start=self._start,
            reached=self.window.end if finished else self.reached,
            earliest=self._earliest,
        )
        self._start, self._earliest = self.reached, None
        return walk


def split(window: Window, watermark: datetime | None) -> list[Window]:
    """Split `window` at the watermark. Return the part that was read before and the part that was not, without empty
    parts.

    A walk never crosses the watermark, so that a new record without key and cursor is never mistaken for an older one.
    """
    if watermark is None or window.end is None or watermark >= window.end:
        return [window]
    if window.start is not None and window.start >= watermark:
        return [window]
    return [Window(start=window.start, end=watermark), Window(start=watermark, end=window.end)]


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one is not None and other is not None else one or other

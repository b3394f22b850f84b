"""Read marks: up to when a stream's source was read, and when it was counted. Hints beside the log, never the state.

A window without rows commits nothing, so that the log of a quiet table says nothing of the runs that read it. Each run
that has read a stream writes one small object over the older one, and a second one where it could compare the stream
with its source. Where a mark is lost, or a slower writer has written over it, it claims less than was read: a stream
then looks older than it is, or is counted once more.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from ingest.contracts.model import StreamContract
from ingest.errors import DamagedLakeError, PlatformError
from ingest.lake import layout
from ingest.lake.commit import Commit, watermark_of
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.logs import get_logger


class _Mark(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    @classmethod
    def key(cls, stream: str) -> str:
        """Where it is."""
        raise NotImplementedError

    @classmethod
    def read(cls, store: ObjectStore, stream: str) -> Self | None:
        """The stream's mark, None if there is none that can be read."""
        try:
            body = store.get(cls.key(stream))
        except DamagedLakeError as error:
            get_logger(stream=stream).warning("a mark is damaged", key=cls.key(stream), error=str(error))
            return None
        if body is None:
            return None
        try:
            return cls.model_validate_json(body)
        except ValidationError:
            return None

    def write(self, store: ObjectStore, stream: str) -> None:
        """Write it over the older one. What was landed stands without it, so that a failure is only logged."""
        try:
            store.put(self.key(stream), self.model_dump_json().encode())
        except PlatformError as error:
            get_logger(stream=stream).warning("a mark was not written", key=self.key(stream), error=str(error))


class ReadMark(_Mark):
    """All that the source had below `until` is in the lake at `version`, whose commit is batch `batch_id`; these are 0
    and None for an empty log."""

    until: AwareDatetime
    version: int
    batch_id: str | None

    @classmethod
    def key(cls, stream: str) -> str:
        """Where it is."""
        return layout.read_mark_key(stream)

    @classmethod
    def of(cls, until: datetime, head: Commit | None) -> Self:
        """The mark of a run that has read up to `until` while `head` was the log's newest commit."""
        return cls(until=until, version=head.version if head else 0, batch_id=head.batch_id if head else None)

    def is_of(self, log: CommitLog, head: Commit | None) -> bool:
        """Whether the log, whose newest commit is `head`, still holds the commit that the mark is of."""
        if head is None or self.version == 0:
            return head is None and self.version == 0
        if self.version > head.version:
            return False
        commit = head if self.version == head.version else log.read(self.version)
        return commit is not None and commit.batch_id == self.batch_id


class CountMark(_Mark):
    """`at` is when rows were last counted at the source, deletions looked for, so that it could be compared."""

    at: AwareDatetime

    @classmethod
    def key(cls, stream: str) -> str:
        """Where it is."""
        return layout.count_mark_key(stream)

    def is_within(self, period: timedelta, now: datetime) -> bool:
        """Whether that was less than `period` from `now`; a clock that ran ahead excuses no stream for ever."""
        return abs(now - self.at) < period


def read_until(store: ObjectStore, contract: StreamContract, head: Commit | None) -> datetime | None:
    """Up to when the source was read: the mark's moment, if it is of this log, else the watermark; None for never."""
    mark = ReadMark.read(store, contract.stream)
    marked = mark.until if mark is not None and mark.is_of(CommitLog(store, contract.stream), head) else None
    # One that was read by windows once, and is landed whole now, has kept its watermark.
    watermark = watermark_of(head) if contract.spec.cursor is not None else None
    return max((moment for moment in (marked, watermark) if moment is not None), default=None)

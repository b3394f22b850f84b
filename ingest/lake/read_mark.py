"""Read marks: the moment up to which a stream's source was read, and the moment of its last count.

A mark is a hint beside the log, never the state. A window without rows commits nothing, so the log of a quiet table
shows nothing of the runs that read it. Each run that has read a stream overwrites one small object, and a second one if
it could compare the stream with its source. A mark that was lost, or overwritten by a slower writer, claims less than
was read: the stream then looks older than it is, or is counted once more.
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
        """Return the key of the mark's object."""
        raise NotImplementedError

    @classmethod
    def read(cls, store: ObjectStore, stream: str) -> Self | None:
        """Return the stream's mark, None if there is no readable one."""
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
        """Overwrite the stream's mark. A failure is only logged, because landed data does not depend on marks."""
        try:
            store.put(self.key(stream), self.model_dump_json().encode())
        except PlatformError as error:
            get_logger(stream=stream).warning("a mark was not written", key=self.key(stream), error=str(error))


class ReadMark(_Mark):
    """All rows that the source had below `until` are in the lake at `version`. `batch_id` names that version's commit.

    For an empty log `version` is 0 and `batch_id` is None.
    """

    until: AwareDatetime
    version: int
    batch_id: str | None

    @classmethod
    def key(cls, stream: str) -> str:
        """Return the key of the stream's read mark."""
        return layout.read_mark_key(stream)

    @classmethod
    def of(cls, until: datetime, head: Commit | None) -> Self:
        """Return the mark of a run that has read up to `until` while `head` was the log's newest commit."""
        return cls(until=until, version=head.version if head else 0, batch_id=head.batch_id if head else None)

    def is_of(self, log: CommitLog, head: Commit | None) -> bool:
        """Return whether the log still holds the commit that the mark names. `head` is the log's newest commit."""
        if head is None or self.version == 0:
            return head is None and self.version == 0
        if self.version > head.version:
            return False
        commit = head if self.version == head.version else log.read(self.version)
        return commit is not None and commit.batch_id == self.batch_id


class CountMark(_Mark):
    """The moment `at` which a run last counted the source's rows after a search for deletions, so that counts
    compare.
    """

    at: AwareDatetime

    @classmethod
    def key(cls, stream: str) -> str:
        """Return the key of the stream's count mark."""
        return layout.count_mark_key(stream)

    def is_within(self, period: timedelta, now: datetime) -> bool:
        """Return whether the count is less than `period` from `now`.

        The distance counts in both directions, so that a clock that ran ahead does not excuse a stream for ever.
        """
        return abs(now - self.at) < period


def read_until(store: ObjectStore, contract: StreamContract, head: Commit | None) -> datetime | None:
    """Return the moment up to which the source was read; None if it never was.

    It is the mark's moment if the mark belongs to this log, otherwise the watermark.
    """
    mark = ReadMark.read(store, contract.stream)
    marked = mark.until if mark is not None and mark.is_of(CommitLog(store, contract.stream), head) else None
    # A stream that was read by windows once, and is a snapshot stream now, still has its watermark.
    watermark = watermark_of(head) if contract.spec.cursor is not None else None
    return max((moment for moment in (marked, watermark) if moment is not None), default=None)

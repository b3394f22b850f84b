"""A commit: the files of a batch and the watermark that they move, in one object."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, ConfigDict

if TYPE_CHECKING:
    from ingest.contracts.model import StreamContract

FORMAT_VERSION = 1


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CommitKind(StrEnum):
    """The kind of a batch: it decides how loaders and staging treat it."""

    DATA = "data"
    SNAPSHOT = "snapshot"
    KEYS = "keys"
    """Of older releases: all keys at the source. Read on, and written no more."""
    DELETES = "deletes"
    BACKFILL = "backfill"
    REPLAY = "replay"


KEYS_ALONE = (CommitKind.KEYS, CommitKind.DELETES)
"""Commits whose files hold keys, and no rows."""


class DataFile(_Model):
    """One immutable Parquet file. Cursor bounds are None if the stream has no cursor or the file is of keys."""

    key: str
    rows: int
    bytes: int
    sha256: str
    min_cursor: AwareDatetime | None = None
    max_cursor: AwareDatetime | None = None


class Window(_Model):
    """The half-open range `[start, end)` of cursors that was read; start None is the beginning of time."""

    start: AwareDatetime | None
    end: AwareDatetime | None

    def holds(self, cursor: datetime) -> bool:
        """Whether a cursor lies within."""
        return (self.start is None or self.start <= cursor) and (self.end is None or cursor < self.end)


EVER = Window(start=None, end=None)


class Resume(_Model):
    """A window that is not read to its end yet: where the next run goes on.

    `page_digest` and `digest_cursor` are of the newest page of records that was landed, to know it again where the API
    repeats it: a digest of its records, and the cursor that it was asked for with (None for the first page).
    `walk` is the version with which this reading of the window began, and `reached` the greatest cursor that it has
    read, None if no record showed one.
    """

    page_cursor: str
    window: Window
    page_digest: str | None = None
    digest_cursor: str | None = None
    walk: int | None = None
    reached: AwareDatetime | None = None


class Walk(_Model):
    """The part of a window that a commit has read, in the order of the cursor.

    `first` is the version with which this reading of the window began: a window that is read again is another walk.
    The part goes from `start` (None: the window's own) to `reached`: all below it was read. At the window's end that
    is the window's; before, the greatest cursor so far, None if no record showed one. `earliest` is the first
    cursor that the commit itself has read.
    """

    first: int
    start: AwareDatetime | None
    reached: AwareDatetime | None
    earliest: AwareDatetime | None


class Watermark(_Model):
    """Everything below `before`/`after` was landed before/after this commit. `resume` is a window under way."""

    before: AwareDatetime | None
    after: AwareDatetime | None
    resume: Resume | None = None


class Counts(_Model):
    """Records of the batch: read = landed + quarantined."""

    read: int
    landed: int
    quarantined: int


class FullSetMark(_Model):
    """The newest snapshot: its version, and a digest that recognises an unchanged one. (Once of a set of keys, too.)"""

    version: int
    digest: str


class KeySetMark(_Model):
    """All keys that the source had when commit `version` was made: what the next pass compares with.

    They lie beside the log (`ingest/lake/key_set.py`), as a tree of objects: `root` names its top, by content, and
    there are `depth` levels of nodes above the chunks, of about `chunk_rows` keys each. `key` names the keys' columns;
    `digest` recognises the same keys where they are read again in the same order.
    """

    version: int
    root: str
    depth: int
    rows: int
    chunk_rows: int
    key: tuple[str, ...]
    digest: str


class Settled(_Model):
    """Records of an older version's quarantine that a commit has landed, or found to be landed or gone."""

    version: int
    positions: tuple[int, ...]


class Commit(_Model):
    """One version of a stream. Written once, never changed.

    `columns` are those of the stream's rows as of this version, landing type by name: the contract's, and what the
    source has added or widened since. A commit of deletions, or a replay, carries on what the one before it said; empty
    in commits of older releases, which lack `walk` too. Only streams that are read page by page have one.

    `landed_keys` are the keys of the commit's rows once more, in files that no loader reads, and `key_set` the newest
    set of all keys, which commits carry on: both for the next keys pass, in streams whose deletions are looked for.
    """

    format_version: int = FORMAT_VERSION
    stream: str
    version: int
    kind: CommitKind
    batch_id: str
    run_id: str
    contract_version: str
    contract_sha256: str
    window: Window | None
    watermark: Watermark
    files: tuple[DataFile, ...]
    counts: Counts
    quarantine: tuple[DataFile, ...] = ()
    full_set: FullSetMark | None = None
    landed_keys: tuple[DataFile, ...] = ()
    key_set: KeySetMark | None = None
    replay_from: int | None = None
    columns: dict[str, str] = {}
    settles: tuple[Settled, ...] = ()
    walk: Walk | None = None
    extracted_at: AwareDatetime
    committed_at: AwareDatetime

    @property
    def rows(self) -> int:
        """Rows in the commit's data files."""
        return sum(file.rows for file in self.files)

    @property
    def size(self) -> int:
        """Bytes in the commit's data files."""
        return sum(file.bytes for file in self.files)

    def encode(self) -> bytes:
        """The object's body, the same for equal commits."""
        return self.model_dump_json(indent=1).encode()

    @classmethod
    def decode(cls, body: bytes) -> Commit:
        """A commit from an object's body. Raises pydantic.ValidationError."""
        return cls.model_validate_json(body)


def columns_of(contract: StreamContract) -> dict[str, str]:
    """The columns that a commit records for rows landed by `contract`."""
    return {column.name: str(column.landing) for column in contract.columns}


def watermark_of(head: Commit | None) -> datetime | None:
    """The watermark that a stream's newest commit left, None before the first."""
    return head.watermark.after if head else None


def is_unchanged(head: Commit | None, digest: str) -> bool:
    """Whether the newest commit is that very full set, so landing it again would add nothing.

    A set equal to an older one still counts: rows landed in between may have been deleted since.
    """
    mark = head.full_set if head else None
    return head is not None and mark is not None and mark.version == head.version and mark.digest == digest


def unmoved(head: Commit | None) -> Watermark:
    """The watermark of a commit that does not move it: a keys pass, a backfill, a replay."""
    after = watermark_of(head)
    return Watermark(before=after, after=after, resume=head.watermark.resume if head else None)

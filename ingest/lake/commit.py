"""A commit: one object that names the files of a batch and the watermark that they move."""

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
    """The kind of a batch, which decides how loaders and staging treat it."""

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
    """One immutable Parquet file. Cursor bounds are None if the stream has no cursor, or if the file holds
    only keys.
    """

    key: str
    rows: int
    bytes: int
    sha256: str
    min_cursor: AwareDatetime | None = None
    max_cursor: AwareDatetime | None = None


class Window(_Model):
    """The half-open range `[start, end)` of cursors that was read. A start of None is the beginning of time."""

    start: AwareDatetime | None
    end: AwareDatetime | None

    def holds(self, cursor: datetime) -> bool:
        """Return whether a cursor lies within the window."""
        return (self.start is None or self.start <= cursor) and (self.end is None or cursor < self.end)


EVER = Window(start=None, end=None)


class Resume(_Model):
    """The position at which the next run continues a window that was not read to its end.

    `page_digest` is a digest of the records of the newest page that was landed. `digest_cursor` is the cursor that this
    page was asked for with (None for the first page). Both serve to recognise the page if the API repeats it. `walk` is
    the version with which this reading of the window began. `reached` is the greatest cursor that it has read, None if
    no record showed one.
    """

    page_cursor: str
    window: Window
    page_digest: str | None = None
    digest_cursor: str | None = None
    walk: int | None = None
    reached: AwareDatetime | None = None


class Walk(_Model):
    """The part of a window that a commit has read, in the order of the cursor.

    `first` is the version with which this reading of the window began: a window that is read again is another walk. The
    part goes from `start` (None: the window's start) to `reached`, and all records below `reached` were read. `reached`
    is the window's end once the window is read to its end. Before, it is the greatest cursor so far, None if no record
    showed one. `earliest` is the first cursor that this commit itself has read.
    """

    first: int
    start: AwareDatetime | None
    reached: AwareDatetime | None
    earliest: AwareDatetime | None


class Watermark(_Model):
    """All records below `before` were landed before this commit, all below `after` with it. `resume` is an unfinished
    window.
    """

    before: AwareDatetime | None
    after: AwareDatetime | None
    resume: Resume | None = None


class Counts(_Model):
    """Records of the batch: read = landed + quarantined."""

    read: int
    landed: int
    quarantined: int


class FullSetMark(_Model):
    """The newest snapshot: its version, and a digest that recognises an unchanged one. (In older releases also of a key
    set.)
    """

    version: int
    digest: str


class KeySetMark(_Model):
    """The key set of a commit: all keys that the source had when `version` was made. The next pass compares with it.

    The keys lie beside the log (`ingest/lake/key_set.py`), as a tree of objects. `root` names its top object, by
    content. There are `depth` levels of nodes above the chunks, of about `chunk_rows` keys each. `key` names the keys'
    columns. `digest` recognises the same keys when they are read again in the same order.
    """

    version: int
    root: str
    depth: int
    rows: int
    chunk_rows: int
    key: tuple[str, ...]
    digest: str


class Settled(_Model):
    """Quarantined records of an older version that a commit has landed, or found to be landed already or gone."""

    version: int
    positions: tuple[int, ...]


class Commit(_Model):
    """One version of a stream. Written once, never changed.

    `columns` maps the stream's columns as of this version to their landing types: the contract's columns, and those
    that the source has added or widened since. A commit of deletions, or a replay, repeats the columns of the commit
    before it. Commits of older releases have no `columns` and no `walk`. Only streams that are read page by page have a
    `walk`.

    `landed_keys` are the keys of the commit's rows once more, in files that no loader reads. `key_set` is the newest
    set of all keys, which later commits repeat. Both serve the next keys pass, in streams whose deletions are looked
    for.
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
        """Return the body of the commit's object. Equal commits have equal bodies."""
        return self.model_dump_json(indent=1).encode()

    @classmethod
    def decode(cls, body: bytes) -> Commit:
        """Return the commit in an object's body. Raises pydantic.ValidationError."""
        return cls.model_validate_json(body)


def columns_of(contract: StreamContract) -> dict[str, str]:
    """Return the columns that a commit records for rows landed by `contract`."""
    return {column.name: str(column.landing) for column in contract.columns}


def watermark_of(head: Commit | None) -> datetime | None:
    """Return the watermark after a stream's newest commit; None if there is no commit."""
    return head.watermark.after if head else None


def is_unchanged(head: Commit | None, digest: str) -> bool:
    """Return whether the newest commit holds exactly this full set, so that landing it again would add nothing.

    A set that equals an older one is landed again, because rows landed in between may have been deleted since.
    """
    mark = head.full_set if head else None
    return head is not None and mark is not None and mark.version == head.version and mark.digest == digest


def unmoved(head: Commit | None) -> Watermark:
    """Return the watermark for a commit that does not move it: a keys pass, a backfill, a replay."""
    after = watermark_of(head)
    return Watermark(before=after, after=after, resume=head.watermark.resume if head else None)

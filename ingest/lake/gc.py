"""Finds and removes orphans: files of aborted or losing batches, which no commit names.

Parts of key sets are removed in the same way. The sets of the newest two keys passes are kept, because a running pass
may still compare with the older one. Older parts that neither set shares are removed.

A file's name begins with the version that its batch would have had. A version that exists can never be committed again,
so no commit will ever name an orphan of such a version. An orphan of the next version may belong to a batch that still
runs, however old the file is and whatever the clocks say. Before gc removes it, gc takes that version with an empty
commit: a batch that still runs then loses cleanly, and no commit ever names a file that is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ingest.contracts.model import StreamContract
from ingest.errors import ConflictError, DamagedLakeError
from ingest.lake import layout
from ingest.lake.commit import Commit, CommitKind, KeySetMark
from ingest.lake.empty_commit import empty_commit
from ingest.lake.key_set import read_tree
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore, StoredObject

_SETS_KEPT = 2


@dataclass(frozen=True)
class Orphans:
    """The orphans of one stream whose newest version is `version`.

    Files in `young` are within the grace period: their batch most likely still runs.
    """

    stream: str
    version: int
    old: tuple[StoredObject, ...]
    young: tuple[StoredObject, ...]

    @property
    def next_version(self) -> int | None:
        """The version that `remove` must take before it deletes the old files; None if no running batch could commit
        them.
        """
        following = self.version + 1
        return following if any(layout.file_version(item.key) == following for item in self.old) else None


def find_orphans(store: ObjectStore, contract: StreamContract, *, grace: timedelta) -> Orphans:
    """Return the stream's files that no commit names, and the parts of older key sets.

    The files are listed before the log is read, so that a file committed meanwhile is never mistaken for an orphan.
    Raises DamagedLakeError if the log has a gap: the files of a lost commit would look like orphans.
    """
    prefixes = layout.data_prefixes(contract.spec.prefix, contract.stream)
    stored = [item for prefix in prefixes for item in store.list(prefix)]
    commits = CommitLog(store, contract.stream).whole()
    needed = _named(commits) | _keys_needed(store, contract.stream, commits)
    orphans = [item for item in stored if item.key not in needed]
    limit = datetime.now(UTC) - grace
    return Orphans(
        contract.stream,
        version=len(commits),
        old=tuple(item for item in orphans if item.modified < limit),
        young=tuple(item for item in orphans if item.modified >= limit),
    )


def remove(store: ObjectStore, contract: StreamContract, orphans: Orphans, *, run_id: str) -> Orphans:
    """Delete the old orphans, except files that a commit has named meanwhile. Return the orphans that were deleted."""
    log = CommitLog(store, contract.stream)
    if orphans.next_version is not None:
        _take_version(log, contract, log.read(orphans.version) if orphans.version else None, run_id)
    newer = list(log.since(orphans.version))
    needed = _named(newer) | _keys_needed(store, contract.stream, newer)
    old = tuple(item for item in orphans.old if item.key not in needed)
    store.delete([item.key for item in old])
    return Orphans(orphans.stream, orphans.version, old, orphans.young)


def _take_version(log: CommitLog, contract: StreamContract, newest: Commit | None, run_id: str) -> None:
    """Make an empty commit the version after `newest`. If another writer was quicker, the version is taken as well."""
    try:
        log.append(empty_commit(contract, newest, kind=CommitKind.DATA, run_id=run_id))
    except ConflictError:
        return


def _named(commits: list[Commit]) -> set[str]:
    """Return the keys of all files that the commits name: rows, deletions and refused records."""
    return {file.key for commit in commits for file in (*commit.files, *commit.quarantine)}


def _keys_needed(store: ObjectStore, stream: str, commits: list[Commit]) -> set[str]:
    """Return the keys of the parts of the newest two key sets, and of the files of keys landed after the older set.

    The parts of a set that cannot be read are not needed: the next pass makes a new set.
    """
    marks = _marks(commits)[-_SETS_KEPT:]
    since = marks[0].version if len(marks) == _SETS_KEPT else 0
    landed = {file.key for commit in commits if commit.version > since for file in commit.landed_keys}
    names: set[str] = set()
    for mark in marks:
        try:
            tree = read_tree(store, stream, mark)
        except DamagedLakeError:
            continue
        names.update(tree.chunks, tree.nodes)
    return landed | {layout.set_object_key(stream, name) for name in names}


def _marks(commits: list[Commit]) -> list[KeySetMark]:
    return [commit.key_set for commit in commits if commit.kind is CommitKind.DELETES and commit.key_set]

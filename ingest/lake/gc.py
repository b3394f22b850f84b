"""Finds and removes orphans: files that a broken-off or losing batch left, which no commit names.

Sets of keys go the same way. What the newest two keys passes left is kept, for a pass that still compares with the
older one; what is older, and shared with neither, nobody needs.

A file's name begins with the version that its batch wanted to become. A version that is taken can never be committed
again, so an orphan of such a version is nobody's for good. An orphan of the version that comes next may belong to a
batch that still runs, however old it is and whatever the clocks say. Before it is removed, that version is taken by an
empty commit: a batch that still runs then loses cleanly, and no commit ever names a file that is gone.
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
    """The findings of `gc` for one stream whose newest version is `version`.

    `young` ones are within the grace period: their batch most likely still runs.
    """

    stream: str
    version: int
    old: tuple[StoredObject, ...]
    young: tuple[StoredObject, ...]

    @property
    def next_version(self) -> int | None:
        """The version to be taken before the old ones can be removed; None if none of them could be committed."""
        following = self.version + 1
        return following if any(layout.file_version(item.key) == following for item in self.old) else None


def find_orphans(store: ObjectStore, contract: StreamContract, *, grace: timedelta) -> Orphans:
    """The stream's files that no commit names, and what is left of older sets of keys.

    The files are listed before the log is read, so that a file committed meanwhile is never taken for an orphan.
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
    """Delete the old ones, and return those that were: without any that a commit has come to name meanwhile."""
    log = CommitLog(store, contract.stream)
    if orphans.next_version is not None:
        _take_version(log, contract, log.read(orphans.version) if orphans.version else None, run_id)
    newer = list(log.since(orphans.version))
    needed = _named(newer) | _keys_needed(store, contract.stream, newer)
    old = tuple(item for item in orphans.old if item.key not in needed)
    store.delete([item.key for item in old])
    return Orphans(orphans.stream, orphans.version, old, orphans.young)


def _take_version(log: CommitLog, contract: StreamContract, newest: Commit | None, run_id: str) -> None:
    """Make an empty commit the version after `newest`. Where another writer was quicker, that version is taken too."""
    try:
        log.append(empty_commit(contract, newest, kind=CommitKind.DATA, run_id=run_id))
    except ConflictError:
        return


def _named(commits: list[Commit]) -> set[str]:
    """The keys of all files of rows, deletions and refused records that the commits name."""
    return {file.key for commit in commits for file in (*commit.files, *commit.quarantine)}


def _keys_needed(store: ObjectStore, stream: str, commits: list[Commit]) -> set[str]:
    """The parts of the newest two sets of keys, and the keys of what was landed after the older one.

    Parts of a set that cannot be read are needed no more: the next pass makes a new one.
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

"""The versions of a stream that count: one rule for all code that counts or shows current rows.

The rule serves the lake's log and the warehouse's ledger, and dbt's macros (`dbt/macros/raw/versions.sql`) express it
in SQL. The contract of today decides, whatever contract older versions were landed under: a stream may have given up
its keys pass, or may be landed in another mode than before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ingest.contracts.model import Mode, StreamContract
from ingest.lake.commit import Commit, CommitKind

APPENDED = (CommitKind.DATA, CommitKind.SNAPSHOT, CommitKind.BACKFILL)
"""Commits whose rows a loader appends."""


@dataclass(frozen=True)
class CountingVersions:
    """The rows of versions `first` to `last` count (None: to the newest); of equal keys, the latest row counts.

    With `tombstones`, a key with a tombstone of a later version is deleted. `keys` serves lakes whose deletions were
    all landed by an older release: it is the version of the newest key set, 0 for none. A key that this set lacks is
    deleted, unless its row was landed after the set.
    """

    first: int
    last: int | None
    tombstones: bool = False
    keys: int = 0

    def hold_deletions_of(self, commit: Commit) -> bool:
        """Return whether the commit's files hold tombstones that count."""
        return self.tombstones and commit.kind is CommitKind.DELETES and commit.version > self.first

    def hold(self, version: int) -> bool:
        """Return whether the rows of `version` count."""
        return self.first <= version and (self.last is None or version <= self.last)


def counting_versions(contract: StreamContract, newest: Callable[[CommitKind], int]) -> CountingVersions:
    """Return the versions that count. `newest` returns the newest version of a kind, 0 for none.

    A snapshot holds all rows, so it replaces all rows landed before it. That holds even if the stream has been read by
    its cursor since.
    """
    snapshot = newest(CommitKind.SNAPSHOT)
    if contract.spec.mode is Mode.SNAPSHOT:
        return CountingVersions(first=snapshot, last=snapshot)
    if not contract.lands_keys:
        return CountingVersions(first=snapshot, last=None)
    # The first commit of deletions after an older release's key sets repeats all deletions that these sets showed.
    keys = 0 if newest(CommitKind.DELETES) else newest(CommitKind.KEYS)
    return CountingVersions(first=snapshot, last=None, tombstones=True, keys=keys)


def newest_of(commits: Sequence[Commit]) -> Callable[[CommitKind], int]:
    """Return the newest version of a kind among `commits`."""
    return lambda kind: max((commit.version for commit in commits if commit.kind is kind), default=0)

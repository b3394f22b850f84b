"""The versions of a stream that count: one rule for all that count or show its current rows.

The lake's log and the warehouse's ledger are both asked for it, and dbt's macros (`dbt/macros/raw/versions.sql`) say
the same in SQL. The contract decides, not what was landed under an older one: a stream may have given up its keys
pass, or be landed in another mode than before.
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
    """The rows of versions `first` to `last` count (None: to the newest), and of equal keys the latest.

    `tombstones`: a key with a tombstone of a later version is deleted. In a lake whose deletions were landed by an
    older release alone, `keys` is the version of its newest key set, and a key that this lacks is deleted, unless its
    row was landed after it; 0 for no such set.
    """

    first: int
    last: int | None
    tombstones: bool = False
    keys: int = 0

    def hold_deletions_of(self, commit: Commit) -> bool:
        """Whether the commit's files hold tombstones that count."""
        return self.tombstones and commit.kind is CommitKind.DELETES and commit.version > self.first

    def hold(self, version: int) -> bool:
        """Whether the rows of `version` count."""
        return self.first <= version and (self.last is None or version <= self.last)


def counting_versions(contract: StreamContract, newest: Callable[[CommitKind], int]) -> CountingVersions:
    """What counts, where `newest` gives the newest version of a kind, 0 for none.

    A snapshot holds all rows, so it replaces whatever was landed before it, also where the stream is read by its
    cursor since.
    """
    snapshot = newest(CommitKind.SNAPSHOT)
    if contract.spec.mode is Mode.SNAPSHOT:
        return CountingVersions(first=snapshot, last=snapshot)
    if not contract.lands_keys:
        return CountingVersions(first=snapshot, last=None)
    # The first deletions over an older release's key sets repeat all that these had found.
    keys = 0 if newest(CommitKind.DELETES) else newest(CommitKind.KEYS)
    return CountingVersions(first=snapshot, last=None, tombstones=True, keys=keys)


def newest_of(commits: Sequence[Commit]) -> Callable[[CommitKind], int]:
    """The newest version of a kind among `commits`."""
    return lambda kind: max((commit.version for commit in commits if commit.kind is kind), default=0)

"""The commit log of one stream: the only state there is.

A version is one object, written by a conditional put. So the files of a batch and the watermark that they move become
visible together or not at all, and of two writers exactly one gets a version. Versions have no gap. All code reads the
log through this module, where a commit that is missing, or that does not match its key, is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import orjson
from pydantic import ValidationError

from ingest.errors import ConflictError, DamagedLakeError, PlatformError, first_problem
from ingest.lake import layout
from ingest.lake.commit import Commit
from ingest.lake.objects.store import ObjectStore
from ingest.logs import get_logger

_READERS = 16
_LOOKED_BACK = 16
"""How many versions below the hint `head` makes sure of: one listing. Each key in it takes both ends 0.1 ms."""
_WAY_OUT = (
    "Restore the object from the bucket's versions. Where there is none, land the stream anew: docs/RUNBOOK.md, "
    "'A commit is missing or damaged', has the steps."
)


class _GapError(DamagedLakeError):
    """A version is missing. `before` are the versions up to the gap."""

    def __init__(self, error: DamagedLakeError, before: list[int], missing: int) -> None:
        super().__init__(error.message, stream=error.stream, hint=error.hint)
        self.before = before
        self.missing = missing


class CommitLog:
    """Reads and appends the commits of `stream`."""

    def __init__(self, store: ObjectStore, stream: str) -> None:
        self._store = store
        self.stream = stream

    def head(self) -> Commit | None:
        """Return the newest commit, None for an empty log.

        The search begins some versions below the hint, so that each run checks that the newest versions are all there.
        Raises DamagedLakeError if one of those is missing, or is no commit of this log.
        """
        above = max(self._hint() - _LOOKED_BACK, 0)
        versions = self._listed(above)
        if not versions and above:
            versions = self._listed(0)  # the hint was wrong
        return self.required(versions[-1]) if versions else None

    def read(self, version: int) -> Commit | None:
        """Return one commit, None if it does not exist. Raises DamagedLakeError for an object that is not that
        commit.
        """
        key = layout.commit_key(self.stream, version)
        body = self._store.get(key)
        if body is None:
            return None
        try:
            commit = Commit.decode(body)
        except ValidationError as error:
            raise self._damaged(f"{self._store.uri(key)} is not a commit: {first_problem(error)}") from error
        if (commit.stream, commit.version) != (self.stream, version):
            raise self._damaged(f"{self._store.uri(key)} says that it is version {commit.version} of {commit.stream}")
        return commit

    def required(self, version: int) -> Commit:
        """Return one commit. Raises DamagedLakeError if it does not exist."""
        commit = self.read(version)
        if commit is None:
            raise self._missing(version)
        return commit

    def since(self, version: int) -> Iterator[Commit]:
        """Yield the commits above `version` that exist now, in order.

        Raises DamagedLakeError at the first missing version if later ones exist, after it has yielded the commits
        before it.
        """
        missing = None
        try:
            versions = self._listed(max(version, 0))
        except _GapError as gap:
            versions, missing = gap.before, gap.missing
        for following in versions:
            yield self.required(following)
        if missing is not None:
            raise self._missing(missing)

    def whole(self, until: int | None = None) -> list[Commit]:
        """Return all commits, or those up to the version `until`, in order.

        Raises DamagedLakeError if one of them is missing.
        """
        return self._all_of(self._listed(0) if until is None else range(1, until + 1))

    def between(self, version: int, until: int) -> list[Commit]:
        """Return the commits above `version` up to `until`, in order. Raises DamagedLakeError if one is missing."""
        return self._all_of(range(version + 1, until + 1))

    def append(self, commit: Commit) -> None:
        """Make `commit` the next version. Raises ConflictError if another writer has taken that version."""
        try:
            self._store.put_if_absent(layout.commit_key(self.stream, commit.version), commit.encode())
        except ConflictError as error:
            raise ConflictError(
                f"another writer committed version {commit.version} first; this batch is dropped, nothing is doubled",
                stream=self.stream,
                hint="The next run goes on from there.",
            ) from error
        self._write_hint(commit.version)

    def _all_of(self, versions: Sequence[int]) -> list[Commit]:
        with ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="log") as pool:
            return list(pool.map(self.required, versions))

    def _listed(self, above: int) -> list[int]:
        """Return the versions above `above` that exist. Raises _GapError if one of them is missing."""
        prefix, after = layout.log_prefix(self.stream), layout.commit_key(self.stream, above)
        listed = [layout.version_of(item.key) for item in self._store.list(prefix, start_after=after)]
        versions = [version for version in listed if version is not None]
        for place, version in enumerate(versions, above + 1):
            if place != version:
                raise _GapError(self._missing(place), versions[: place - above - 1], place)
        return versions

    def _missing(self, version: int) -> DamagedLakeError:
        return self._damaged(f"version {version} is missing in the lake's log, which goes on after it")

    def _damaged(self, message: str) -> DamagedLakeError:
        return DamagedLakeError(message, stream=self.stream, hint=_WAY_OUT)

    def _write_hint(self, version: int) -> None:
        try:
            self._store.put(layout.latest_key(self.stream), orjson.dumps({"version": version}))
        except PlatformError as error:
            # The commit stands without its hint. Reporting a failure would make the caller commit twice.
            get_logger(stream=self.stream, version=version).warning("the hint was not written", error=str(error))

    def _hint(self) -> int:
        try:
            body = self._store.get(layout.latest_key(self.stream))
        except DamagedLakeError as error:
            # The store failed while it overwrote the hint. The next commit writes the hint anew.
            get_logger(stream=self.stream).warning("the hint is damaged", error=str(error))
            return 0
        if body is None:
            return 0
        try:
            return min(int(orjson.loads(body)["version"]), int(layout.HIGHEST_VERSION))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, OverflowError):
            return 0

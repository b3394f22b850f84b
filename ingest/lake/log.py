"""The commit log of one stream: the only state there is.

A version is one object, written if absent. So the files of a batch and the watermark they move become visible
together or not at all, and of two writers exactly one wins a version.
"""

from __future__ import annotations

from collections.abc import Iterator

import orjson
from pydantic import ValidationError

from ingest.errors import ConflictError, DamagedLakeError, FatalError, PlatformError
from ingest.lake import layout
from ingest.lake.commit import Commit
from ingest.lake.store import ObjectStore
from ingest.logs import get_logger


class CommitLog:
    """Reads and appends the commits of `stream`."""

    def __init__(self, store: ObjectStore, stream: str) -> None:
        self._store = store
        self.stream = stream

    def head(self) -> Commit | None:
        """The newest commit, None for an empty log.

        The hint is only where the search begins: the newest commit is the last before the first absent one.
        """
        hint = self._hint()
        return (self._newest_from(hint) if hint else None) or self._newest_from(self._last_listed())

    def read(self, version: int) -> Commit | None:
        """One commit, None where there is none. Raises FatalError for an object that is not a commit."""
        key = layout.commit_key(self.stream, version)
        body = self._store.get(key)
        if body is None:
            return None
        try:
            return Commit.decode(body)
        except ValidationError as error:
            raise FatalError(f"{self._store.uri(key)} is not a commit: {error}", stream=self.stream) from error

    def since(self, version: int) -> Iterator[Commit]:
        """Commits above `version`, in order, up to the first absent one."""
        following = max(version, 0) + 1
        while (commit := self.read(following)) is not None:
            yield commit
            following += 1

    def append(self, commit: Commit) -> None:
        """Make `commit` the next version. Raises ConflictError where another writer already has."""
        try:
            self._store.put_if_absent(layout.commit_key(self.stream, commit.version), commit.encode())
        except ConflictError as error:
            raise ConflictError(
                f"another writer committed version {commit.version} first; this batch is dropped, nothing is doubled",
                stream=self.stream,
                hint="The next run goes on from there.",
            ) from error
        self._write_hint(commit.version)

    def _newest_from(self, version: int) -> Commit | None:
        newest = None
        if version:
            for commit in self.since(version - 1):
                newest = commit
        return newest

    def _write_hint(self, version: int) -> None:
        try:
            self._store.put(layout.latest_key(self.stream), orjson.dumps({"version": version}))
        except PlatformError as error:
            # The commit stands without its hint, and whoever is told that it failed would do it again.
            get_logger(stream=self.stream, version=version).warning("the hint was not written", error=str(error))

    def _hint(self) -> int:
        try:
            body = self._store.get(layout.latest_key(self.stream))
        except DamagedLakeError as error:
            # A store that was killed while it wrote over the older one; the next commit writes it anew.
            get_logger(stream=self.stream).warning("the hint is damaged", error=str(error))
            return 0
        if body is None:
            return 0
        try:
            return int(orjson.loads(body)["version"])
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, OverflowError):
            return 0

    def _last_listed(self) -> int:
        last = 0
        for item in self._store.list(layout.log_prefix(self.stream)):
            last = layout.version_of(item.key) or last
        return last

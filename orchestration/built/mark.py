"""The mark that says what the published marts were built from: one small object in the lake for each warehouse.

It is a hint that saves work, never the state. It is written after the marts are published, so a run that was killed
before that has only worked in vain. If the mark is lost, damaged or of another format, everything is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from ingest.errors import PlatformError
from ingest.lake import layout
from ingest.lake.commit import Commit
from ingest.lake.objects.store import ObjectStore
from ingest.logs import get_logger

_NOTHING = b"null"
"""A mark that was taken back."""


class StreamVersion(BaseModel):
    """A version of a stream's log, identified by its batch as well, because the number alone may belong to another
    lake.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int
    batch_id: str

    @classmethod
    def of(cls, commit: Commit) -> StreamVersion:
        """Return the version of a commit."""
        return cls(version=commit.version, batch_id=commit.batch_id)


class Built(BaseModel):
    """The state that the marts published by run `run_id` were built from.

    `streams` are the newest versions in RAW. `project` is a fingerprint (orchestration/built/project.py). `days` are
    the business's day in UTC and in the shop's time zone. `whole_at` is the moment of the last complete build. `files`
    is the warehouse's state as seen without opening it. A run that will build everything records itself as `unfinished`
    before it begins.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal[1] = 1
    run_id: str
    project: str
    days: tuple[date, date]
    streams: Mapping[str, StreamVersion]
    whole_at: AwareDatetime
    files: str
    unfinished: str | None = Field(default=None)


class BuiltMark:
    """The mark of the warehouse with the unique name `warehouse`."""

    def __init__(self, store: ObjectStore, warehouse: str) -> None:
        self._store = store
        self._key = layout.built_key(warehouse)
        self._logger = get_logger(key=self._key)

    def read(self) -> Built | None:
        """Return the last mark, None if there is no readable one."""
        try:
            body = self._store.get(self._key)
            return None if body is None or body == _NOTHING else Built.model_validate_json(body)
        except (PlatformError, ValidationError) as error:
            self._logger.warning("the mark of the last build cannot be read: everything is built", error=str(error))
            return None

    def write(self, built: Built) -> None:
        """Overwrite the mark. A failure is only logged, because the marts are published without it."""
        try:
            self._put(built)
        except PlatformError as error:
            self._logger.warning(
                "the mark of this build cannot be written: the next run builds everything", error=str(error)
            )

    def begin(self, built: Built, run_id: str) -> None:
        """Record that run `run_id` begins a build after which `built` is no longer true until that run publishes.

        Raises the object store's errors.
        """
        self._put(built.model_copy(update={"unfinished": run_id}))

    def forget(self) -> None:
        """Make the next run build everything. Raises the object store's errors."""
        # The object is overwritten, not deleted, because the lake's writer may delete nothing.
        self._store.put(self._key, _NOTHING)

    def _put(self, built: Built) -> None:
        self._store.put(self._key, built.model_dump_json().encode())

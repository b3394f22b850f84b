"""What the published marts were built from: one small object in the lake for each warehouse.

It is a hint by which a run skips work, never the state. It is written once the marts are published, so that a run that
was killed before has done some work for nothing. Where it is lost, damaged or of another format, everything is built.
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
    """A version of a stream's log, by the batch that is its commit: the number alone may be of another lake."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int
    batch_id: str

    @classmethod
    def of(cls, commit: Commit) -> StreamVersion:
        """The version that a commit is."""
        return cls(version=commit.version, batch_id=commit.batch_id)


class Built(BaseModel):
    """What the marts that `run_id` published were built from.

    `streams` are the newest versions in RAW, `project` a fingerprint (orchestration/built/project.py) and `days` the
    business's day, in UTC and where the shop is. At `whole_at` everything was last built. `files` is what the warehouse
    said of itself unopened. A run that is to build everything notes itself as `unfinished` before it begins.
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
    """The mark of the warehouse called `warehouse`, a name that no other one has."""

    def __init__(self, store: ObjectStore, warehouse: str) -> None:
        self._store = store
        self._key = layout.built_key(warehouse)
        self._logger = get_logger(key=self._key)

    def read(self) -> Built | None:
        """What was written last, None if there is nothing that can be read."""
        try:
            body = self._store.get(self._key)
            return None if body is None or body == _NOTHING else Built.model_validate_json(body)
        except (PlatformError, ValidationError) as error:
            self._logger.warning("what was built last cannot be read: everything is built", error=str(error))
            return None

    def write(self, built: Built) -> None:
        """Write it over the older one. The marts are published without it, so that a failure is only logged."""
        try:
            self._put(built)
        except PlatformError as error:
            self._logger.warning("what was built is not noted: the next run builds everything", error=str(error))

    def begin(self, built: Built, run_id: str) -> None:
        """Note that run `run_id` begins what breaks with `built`, which does not hold until that run has published.

        Raises what the lake raises.
        """
        self._put(built.model_copy(update={"unfinished": run_id}))

    def forget(self) -> None:
        """Let the next run build everything. Raises what the lake raises."""
        # Not removed: whoever writes the lake may remove nothing.
        self._store.put(self._key, _NOTHING)

    def _put(self, built: Built) -> None:
        self._store.put(self._key, built.model_dump_json().encode())

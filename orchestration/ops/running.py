"""Marks of runs under way, in the lake: how a run that was killed, and could leave no record, is known to have been.

A run puts its mark when it begins and removes it once its record is written. A mark whose process is gone is a run that
was killed.
"""

from __future__ import annotations

import os
import socket
from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from ingest.errors import DamagedLakeError
from ingest.lake import layout
from ingest.lake.objects.store import ObjectStore
from ingest.logs import get_logger

_FIRST_FIELD_AFTER_THE_NAME = 3
_START_TIME = 22
"""Of /proc/<pid>/stat: when the process began, in ticks since the machine did (proc_pid_stat(5))."""


class RunningMark(BaseModel):
    """A run under way, and the process that it is in. `process_began` is None where the system does not say."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run_id: str
    run_name: str | None
    warehouse: str
    parameters: str
    started_at: AwareDatetime
    host: str
    pid: int
    process_began: int | None

    @classmethod
    def here(cls, *, run_id: str, run_name: str | None, warehouse: str, parameters: str, started_at: datetime) -> Self:
        """The mark of a run in this process."""
        return cls(
            run_id=run_id,
            run_name=run_name,
            warehouse=warehouse,
            parameters=parameters,
            started_at=started_at,
            host=socket.gethostname(),
            pid=os.getpid(),
            process_began=_began(os.getpid()),
        )

    @property
    def is_gone(self) -> bool:
        """Whether its process was on this host, and is no more. Of another host's nothing is known here."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # another user's: by its beginning alone
            return _began(self.pid) != self.process_began
        return _began(self.pid) != self.process_began


class RunningMarks:
    """The marks of one lake. Every method raises TransientError, AccessError or ConfigurationError."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def put(self, mark: RunningMark) -> None:
        """Write a run's mark."""
        self._store.put(layout.running_mark_key(mark.run_id), mark.model_dump_json().encode())

    def remove(self, run_id: str) -> None:
        """Remove a run's mark, where there is one."""
        self._store.delete([layout.running_mark_key(run_id)])

    def all(self) -> list[RunningMark]:
        """All of them. One that cannot be read is logged, and left out."""
        return [mark for item in self._store.list(layout.OPS_RUNNING) if (mark := self._read(item.key)) is not None]

    def _read(self, key: str) -> RunningMark | None:
        try:
            body = self._store.get(key)
            return None if body is None else RunningMark.model_validate_json(body)
        except (DamagedLakeError, ValidationError) as error:
            get_logger().warning("the mark of a run cannot be read", key=key, error=str(error))
            return None


def _began(pid: int) -> int | None:
    """When a process began, by its system's own count; None for one that is no more, or on a system without /proc."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    # The second field is the program's name in brackets, which may hold blanks and brackets itself.
    fields = text.rpartition(")")[2].split()
    return int(fields[_START_TIME - _FIRST_FIELD_AFTER_THE_NAME])

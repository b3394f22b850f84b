"""Marks of running runs in the lake. They reveal a run that was killed and could leave no record.

A run writes its mark when it begins and removes it after its record is written. A mark whose process is gone belongs to
a run that was killed.
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
    """A running run, and its process. `process_began` is None if the system does not show it."""

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
        """Return the mark of a run in this process."""
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
        """Whether the run's process was on this host and has ended. Nothing is known of another host's processes."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # another user's process, which is judged only by its start
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
        """Remove a run's mark, if there is one."""
        self._store.delete([layout.running_mark_key(run_id)])

    def all(self) -> list[RunningMark]:
        """Return all marks. A mark that cannot be read is logged and left out."""
        return [mark for item in self._store.list(layout.OPS_RUNNING) if (mark := self._read(item.key)) is not None]

    def _read(self, key: str) -> RunningMark | None:
        try:
            body = self._store.get(key)
            return None if body is None else RunningMark.model_validate_json(body)
        except (DamagedLakeError, ValidationError) as error:
            get_logger().warning("the mark of a run cannot be read", key=key, error=str(error))
            return None


def _began(pid: int) -> int | None:
    """Return when a process began, in clock ticks since boot. None if it has ended, or on a system without /proc."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    # The second field is the program's name in brackets, which may contain blanks and brackets.
    fields = text.rpartition(")")[2].split()
    return int(fields[_START_TIME - _FIRST_FIELD_AFTER_THE_NAME])

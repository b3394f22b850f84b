"""One writer at a time. The operating system holds the lock, so it ends with its process, however the process ends.

Beside the lock file, a JSON file names the holder. It is only for people: a stale one means nothing.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from ingest.errors import ConfigurationError, ConflictError
from orchestration.warehouse.protocol import LockHolder

_POLL_SECONDS = 0.2


class WriterLock:
    """The lock file `writer.lock` of a directory, and `writer.json`, which names its holder."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock_path = directory / "writer.lock"
        self._holder_path = directory / "writer.json"

    def holder(self) -> LockHolder | None:
        """Return the holder that the lock's file names; None if it names none or cannot be read."""
        try:
            content = json.loads(self._holder_path.read_text(encoding="utf-8"))
            return LockHolder(
                run_id=str(content["run_id"]),
                pid=int(content["pid"]),
                host=str(content["host"]),
                since=datetime.fromisoformat(content["since"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @contextmanager
    def hold(
        self, run_id: str, *, wait: timedelta, on_wait: Callable[[str], None] = lambda holder: None
    ) -> Iterator[LockHolder]:
        """Hold the lock. If another process has it, `on_wait` gets the holder once.

        Raises ConflictError that names the holder after `wait`, ConfigurationError if the directory cannot be written.
        """
        lock = self._acquire(wait, on_wait)
        try:
            holder = LockHolder(run_id, os.getpid(), socket.gethostname(), datetime.now(UTC))
            self._write(holder)
            yield holder
        finally:
            self._holder_path.unlink(missing_ok=True)
            lock.release()

    def _acquire(self, wait: timedelta, on_wait: Callable[[str], None]) -> FileLock:
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._lock_path)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                on_wait(self._who())
                lock.acquire(timeout=wait.total_seconds(), poll_interval=_POLL_SECONDS)
        except Timeout:
            raise ConflictError(
                f"the warehouse in {self._directory} is being written by {self._who()}; "
                f"waited {wait.total_seconds():g} s for it",
                hint="Try again when it has finished.",
            ) from None
        except OSError as error:
            raise ConfigurationError(
                f"cannot write the warehouse directory {self._directory}: {error.strerror}",
                hint="Correct WAREHOUSE_DIR, or its permissions.",
            ) from error
        return lock

    def _who(self) -> str:
        return str(self.holder() or "another process")

    def _write(self, holder: LockHolder) -> None:
        draft = self._holder_path.with_suffix(".new")
        draft.write_text(json.dumps(asdict(holder) | {"since": holder.since.isoformat()}), encoding="utf-8")
        draft.replace(self._holder_path)

"""Durability: makes ministack write an acknowledged object to the disk.

ministack writes each object to its folder before it answers, atomically by rename, but it does not wait for the disk.
If the disk refuses, it logs a warning, answers 200, and holds the object only in memory: the next restart would lose an
acknowledged commit. So here each write reaches the disk before the response, and a failed disk operation of ministack
ends the process: the container restarts, and serves the objects on the disk.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

EXIT_DISK_FAILED = 74
"""EX_IOERR of sysexits.h."""


def write_through() -> None:
    """Patch ministack's S3 in this process. Raises AttributeError if its version is unknown."""
    from ministack.services import s3

    if not hasattr(s3, "_atomic_write"):
        raise AttributeError("ministack's S3 has no _atomic_write: lake/durable.py fits version 1.5.33")
    s3._atomic_write = _write_durably
    logging.getLogger(s3.logger.name).addHandler(_EndWithoutDisk())


def _write_durably(path: str, data: bytes | str, *, text: bool = False) -> None:
    """Write a file by rename, with file and folder on the disk when this returns. Raises OSError."""
    draft = Path(f"{path}.tmp")
    try:
        with draft.open("wb") as file:
            draft.chmod(0o600)
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(draft.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class _EndWithoutDisk(logging.Handler):
    """A log handler that ends the process when ministack warns that reading, writing or deleting a file failed."""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.levelno >= logging.WARNING and message.startswith("Failed to "):
            print(f"lake: {message}. Serving again from what is on the disk", file=sys.stderr, flush=True)
            # At once, so that no further response leaves this process.
            os._exit(EXIT_DISK_FAILED)

"""Restricts files with RAW data to their owner: the database, its log, its spill files, and the lake's files beside it.

DuckDB creates files with the process' default permissions, at any time. So these are restricted while a database is
open.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

PRIVATE = 0o077
"""The umask under which files are their owner's alone."""

_lock = Lock()
_users = 0
_before = 0


@contextmanager
def private_files() -> Iterator[None]:
    """Restrict all files that any thread of this process creates within the block to its own user."""
    global _users, _before
    with _lock:
        if _users == 0:
            _before = os.umask(PRIVATE)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                os.umask(_before)


def make_private(path: Path) -> None:
    """Remove other users' access to an existing file. A file of another user is left to that user."""
    with suppress(FileNotFoundError, PermissionError):
        path.chmod(0o600)

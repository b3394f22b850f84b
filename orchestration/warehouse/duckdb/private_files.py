"""Files that hold RAW are their owner's alone: the database, its log, what it spills, and the lake's files beside it.

DuckDB makes its files with the rights that the process gives new files, at moments of its own. So those rights are
narrowed for as long as a database is open.
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
    """What this process makes meanwhile, in any thread, is for its own user alone."""
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
    """Close a file of older days to others. One that belongs to another user is for that user to close."""
    with suppress(FileNotFoundError, PermissionError):
        path.chmod(0o600)

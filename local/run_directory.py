"""The temporary directory of one stack.

It is mode 711, so that an unprivileged Postgres can reach its data directory inside. The stack's process holds a lock
on a file in it and, through inheritance, so does the supervisor of each child: a directory whose lock is free has no
living owner. Each new stack removes such directories first, so that the remains of a killed run do not stay for long.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PREFIX = "dp-mailblaze-demo-run-"
_LOCK_NAME = "lock"


@dataclass(frozen=True)
class RunDirectory:
    """An existing directory, and the descriptor of its held lock, which children inherit."""

    path: Path
    lock: int


@contextmanager
def open_run_directory(parent: Path | None = None) -> Iterator[RunDirectory]:
    """Make a run directory in `parent` (default: a world-reachable temporary directory). Remove it at the end.

    Directories of killed runs are removed first.
    """
    base = parent if parent is not None else temporary_directory()
    sweep(base)
    path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    lock = _create_held_lock(path)
    try:
        path.chmod(0o711)
        yield RunDirectory(path, lock)
    finally:
        shutil.rmtree(path)
        os.close(lock)


def _create_held_lock(path: Path) -> int:
    """Create the lock file under another name and rename it once it is locked, so that nobody ever sees it unlocked."""
    draft = path / f"{_LOCK_NAME}.new"
    lock = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    draft.rename(path / _LOCK_NAME)
    return lock


def temporary_directory() -> Path:
    """Return a directory that another user can reach: /tmp for root, otherwise TMPDIR (on macOS a private one).

    For root, TMPDIR or one of its parents may be private.
    """
    return Path("/tmp") if os.geteuid() == 0 else Path(tempfile.gettempdir())  # noqa: S108 - mkdtemp follows


def sweep(base: Path) -> tuple[Path, ...]:
    """Remove this user's run directories in `base` without a living owner. Return them."""
    return tuple(path for path in sorted(base.glob(f"{PREFIX}*")) if _remove_if_abandoned(path))


def _remove_if_abandoned(path: Path) -> bool:
    with suppress(FileNotFoundError):  # another stack may sweep at the same moment
        if path.is_symlink() or path.stat().st_uid != os.geteuid():
            return False
        lock = os.open(path / _LOCK_NAME, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:
            return False
        else:
            return True
        finally:
            os.close(lock)
    return False

"""The throw-away directory of one stack, under the system's temporary directory.

It is mode 711, so that an unprivileged Postgres can reach its data directory inside. A lock file in it is held by the
stack's process and, through inheritance, by the supervisor of each of its children: a directory whose lock is free
belongs to nobody alive. Each new stack removes such directories first, so that a killed run leaves nothing for long.
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
    """Make a run directory in `parent` (default: a world-reachable temporary directory); remove it at the end.

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
    """Create the lock file under another name and rename it once held: nobody ever sees it free."""
    draft = path / f"{_LOCK_NAME}.new"
    lock = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    draft.rename(path / _LOCK_NAME)
    return lock


def temporary_directory() -> Path:
    """The directory for what another user must reach: /tmp, or TMPDIR where we are not root (macOS: our own).

    Under root TMPDIR may well be a private directory, and its parents too.
    """
    return Path("/tmp") if os.geteuid() == 0 else Path(tempfile.gettempdir())  # noqa: S108 - mkdtemp follows


def sweep(base: Path) -> tuple[Path, ...]:
    """Remove this user's run directories in `base` that nobody alive holds; return them."""
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

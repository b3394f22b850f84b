"""The copy that readers open. It is swapped in whole by rename: a reader of the old one keeps reading the old one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from time import monotonic

from ingest.errors import FatalError
from orchestration.warehouse.protocol import Publication


def publish_copy(source: Path, target: Path) -> Publication:
    """Make `target` a copy of the closed, checkpointed database `source`, in one step. Raises FatalError.

    Drafts that a killed run left behind are removed. Call it under the writer's lock.
    """
    started = monotonic()
    _require_checkpointed(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    for leftover in target.parent.glob(f".{target.name}.*"):
        leftover.unlink()
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copyfile(source, draft)
        _flush(draft)
        draft.replace(target)
        _flush(target.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise FatalError(f"cannot publish to {target}: {error.strerror}", hint="The old copy is untouched.") from error
    return Publication(str(target), target, target.stat().st_size, monotonic() - started)


def _require_checkpointed(source: Path) -> None:
    wal = source.with_name(source.name + ".wal")
    if not source.exists():
        raise FatalError(f"there is no database {source} to publish")
    if wal.exists() and wal.stat().st_size:
        raise FatalError(f"{wal} is not empty: {source.name} is open, or was not checkpointed")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

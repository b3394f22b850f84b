"""Where what was counted of the lake is kept: a file for each stream, which may be removed at any time."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ingest.errors import ConfigurationError
from ingest.lake.objects.store import ObjectStore
from ingest.logs import get_logger
from orchestration.warehouse.duckdb.lake_reader import open_duckdb


@dataclass(frozen=True)
class KeptCounts:
    """What was counted is kept in files of `directory`, which no other user may read: keys are data.

    `anew` counts everything again, which fails where a file of the lake has gone since it was counted.
    """

    directory: Path
    anew: bool = False

    @contextmanager
    def file(self, name: str) -> Iterator[Path | None]:
        """The file of that name, for nobody else meanwhile; None while another run has it.

        Raises ConfigurationError where nothing can be written.
        """
        path = self.directory / name
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigurationError(f"cannot write {path}: {error.strerror}", hint="Correct RUNS_DIR.") from error
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
                return
            if self.anew:
                _remove(path)
            yield path
        finally:
            os.close(lock)


def name_of(store: ObjectStore, stream: str) -> str:
    """A file's name for what was counted of a stream: stream names may hold what no file's name may."""
    return f"counted-{hashlib.sha256(store.uri(stream).encode()).hexdigest()[:32]}.duckdb"


def open_kept(path: Path | None) -> duckdb.DuckDBPyConnection:
    """The database of that file, in memory for None. One that cannot be read is replaced by an empty one."""
    try:
        return open_duckdb(path)
    except duckdb.Error as error:
        if path is None:
            raise
        # Of another version of DuckDB, or damaged.
        get_logger(path=str(path)).warning("what was counted cannot be read: it is counted anew", error=str(error))
        _remove(path)
        return open_duckdb(path)


def _remove(path: Path) -> None:
    """Remove the file and its write-ahead log."""
    path.unlink(missing_ok=True)
    path.with_name(f"{path.name}.wal").unlink(missing_ok=True)

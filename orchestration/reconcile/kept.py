"""The files that keep the lake's counts between runs, one for each stream. They may be removed at any time."""

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
    """Counts kept in files of `directory`. No other user may read them, because keys are data.

    With `anew`, everything is counted again, which fails if a counted file of the lake has disappeared.
    """

    directory: Path
    anew: bool = False

    @contextmanager
    def file(self, name: str) -> Iterator[Path | None]:
        """Yield the path of that file, locked against other runs; None while another run has it.

        Raises ConfigurationError if the directory cannot be written.
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


def name_of(store: ObjectStore, stream: str, *, of: str = "counted") -> str:
    """Return a file name for a stream's tables. A stream's name may hold characters that file names must not."""
    return f"{of}-{hashlib.sha256(store.uri(stream).encode()).hexdigest()[:32]}.duckdb"


def open_kept(path: Path | None) -> duckdb.DuckDBPyConnection:
    """Open the database in that file, in memory for None. An unreadable one is replaced by an empty one."""
    try:
        return open_duckdb(path)
    except duckdb.Error as error:
        if path is None:
            raise
        # It was written by another version of DuckDB, or is damaged.
        get_logger(path=str(path)).warning(
            "the kept counts cannot be read: everything is counted again", error=str(error)
        )
        _remove(path)
        return open_duckdb(path)


def _remove(path: Path) -> None:
    """Remove the file and its write-ahead log."""
    path.unlink(missing_ok=True)
    path.with_name(f"{path.name}.wal").unlink(missing_ok=True)

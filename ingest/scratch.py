"""A private DuckDB on local disk for data that may not fit into memory. It spills to disk."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.disk import disk_errors
from ingest.errors import ConfigurationError

if TYPE_CHECKING:
    import duckdb


def open_scratch(folder: Path, *, memory_limit: str, way_out: str, threads: int = 2) -> duckdb.DuckDBPyConnection:
    """Return an empty database in `folder`. Times are in UTC, and texts compare by their bytes.

    `memory_limit` is in DuckDB's form, such as 512MB. Raises the errors of `engine_errors`.
    """
    import duckdb

    with engine_errors(folder, way_out):
        connection: duckdb.DuckDBPyConnection = duckdb.connect(
            str(folder / "scratch.duckdb"),
            config={
                "memory_limit": memory_limit,
                "threads": str(threads),  # each thread takes a share of the memory
                "temp_directory": str(folder / "spilled"),
                "preserve_insertion_order": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
    connection.execute("SET TimeZone = 'UTC'")
    return connection


@contextmanager
def engine_errors(folder: Path, way_out: str) -> Iterator[None]:
    """Convert DuckDB's errors of code that works in `folder`.

    Raises ConfigurationError if the folder's disk is full, or, with the hint `way_out`, if the memory is too small.
    """
    import duckdb

    with disk_errors(folder):
        try:
            yield
        except (duckdb.IOException, duckdb.OutOfMemoryException, OSError) as error:
            # DuckDB also raises its memory error if it may spill no more.
            if "No space left" in str(error) or "max_temp_directory_size" in str(error):
                raise OSError(errno.ENOSPC, str(error)) from error
            # While rows are converted to Arrow, only the text of an error is left.
            if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory Error" in str(error):
                raise ConfigurationError("the comparison does not fit into its memory", hint=way_out) from error
            raise

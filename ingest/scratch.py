"""A DuckDB of one's own on local disk, for what may not fit the memory: it spills."""

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
    """An empty database in `folder`. Times are in UTC, texts compare by their bytes.

    `memory_limit` is DuckDB's, such as 512MB. Raises what `engine_errors` raises.
    """
    import duckdb

    with engine_errors(folder, way_out):
        connection: duckdb.DuckDBPyConnection = duckdb.connect(
            str(folder / "scratch.duckdb"),
            config={
                "memory_limit": memory_limit,
                "threads": str(threads),  # each takes a share of the memory
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
    """Around what works in `folder`. Raises ConfigurationError if its disk is full, or with the hint `way_out` if the
    memory is too small."""
    import duckdb

    with disk_errors(folder):
        try:
            yield
        except (duckdb.IOException, duckdb.OutOfMemoryException, OSError) as error:
            # DuckDB raises the latter, too, if it may spill no more.
            if "No space left" in str(error) or "max_temp_directory_size" in str(error):
                raise OSError(errno.ENOSPC, str(error)) from error
            # Where rows are on their way into Arrow, all that is left of an error is its text.
            if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory Error" in str(error):
                raise ConfigurationError("the comparison does not fit into its memory", hint=way_out) from error
            raise

"""The file that readers open: only the schema MART. A rename swaps it in as a whole, while the old one may be read.

The file is written anew, relation by relation, so that it holds nothing of another schema, neither in its tables nor in
freed blocks. Views become tables, because the tables they read are not in the file. NOT NULL and comments are kept.
Keys are not: their indexes have to fit into memory, and nobody writes the copy.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import duckdb

from ingest.contracts.names import quoted
from ingest.errors import FatalError, first_line
from orchestration.warehouse.duckdb.lake_reader import escaped
from orchestration.warehouse.protocol import Publication, Rows

_UNTOUCHED = "The old copy is untouched."


def published_file(directory: Path, database: str) -> Path:
    """Return the file that readers open, for the warehouse in `directory`. DuckDB names the database after the file."""
    return directory / "published" / f"{database}.duckdb"


@dataclass(frozen=True)
class _Column:
    name: str
    nullable: bool
    comment: str | None


@dataclass(frozen=True)
class _Relation:
    """A table or view of the published schema, with names as the catalog spells them."""

    schema: str
    name: str
    comment: str | None
    columns: tuple[_Column, ...]


def publish_schema(
    connect: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]], schema: str, target: Path
) -> Publication:
    """Make `target` a database of only the tables and views of `schema`, atomically. Raises FatalError.

    `connect` opens the database with the schema. Drafts that a killed run has left are removed. Call it under the
    writer's lock.
    """
    started = monotonic()
    with _draft_of(target) as draft, connect() as connection, _attached(connection, draft) as copy:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(copy)}.{quoted(schema)}")
        for relation in _relations(connection, schema):
            _copy(connection, relation, _place(copy, schema, relation.name))
    return Publication(str(target), target, target.stat().st_size, monotonic() - started)


def republish_rows(
    connect: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]],
    schema: str,
    target: Path,
    rows: Rows,
) -> bool:
    """Swap in a copy of `target` in which only `rows` are new. Return False if there is no `target`. Raises FatalError.

    The rest of the copy stays as it was published. Call it under the writer's lock.
    """
    if not target.exists():
        return False
    with _draft_of(target) as draft:
        shutil.copyfile(target, draft)
        with connect() as connection, _attached(connection, draft) as copy:
            present = {relation.name: relation for relation in _relations(connection, schema, database=copy)}
            for relation in _relations(connection, schema):
                if relation.name in rows.tables or relation.name in rows.views:
                    place = _place(copy, schema, relation.name)
                    there = present.get(relation.name)
                    if relation.name in rows.tables and there is not None and there.columns == relation.columns:
                        _replace_rows(connection, relation, place, rows)
                    else:
                        connection.execute(f"DROP TABLE IF EXISTS {place}")
                        _copy(connection, relation, place)
    return True


@contextmanager
def _draft_of(target: Path) -> Iterator[Path]:
    """Yield a path for a new database, which replaces `target` at the end of the block."""
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove(target.parent, f".{target.name}.")
        mode = _mode_of_new_files(draft)
        yield draft
        draft.chmod(mode)
        _flush(draft)
        # A log that does not belong to the new file would be read with it.
        target.with_name(f"{target.name}.wal").unlink(missing_ok=True)
        draft.replace(target)
        _flush(target.parent)
    except OSError as error:
        raise FatalError(f"cannot publish to {target}: {error.strerror}", hint=_UNTOUCHED) from error
    except duckdb.Error as error:
        raise FatalError(f"cannot publish to {target}: {first_line(error)}", hint=_UNTOUCHED) from error
    finally:
        _remove(target.parent, draft.name)


@contextmanager
def _attached(connection: duckdb.DuckDBPyConnection, draft: Path) -> Iterator[str]:
    """Attach the database in the file `draft` and yield its name. At the end of the block it is completely on disk."""
    [(database,)] = connection.execute("SELECT current_database()").fetchall()
    copy = f"{database}__published"
    connection.execute(f"ATTACH '{escaped(str(draft))}' AS {quoted(copy)}")
    try:
        yield copy
        connection.execute(f"CHECKPOINT {quoted(copy)}")
    finally:
        connection.execute(f"DETACH {quoted(copy)}")


def _place(database: str, schema: str, name: str) -> str:
    return ".".join(map(quoted, (database, schema, name)))


def _replace_rows(connection: duckdb.DuckDBPyConnection, relation: _Relation, place: str, rows: Rows) -> None:
    source = f"{quoted(relation.schema)}.{quoted(relation.name)}"
    column, marks = quoted(rows.column), ", ".join("?" for _ in rows.values)
    connection.execute(
        f"DELETE FROM {place} WHERE {column} IN ({marks}) OR {column} NOT IN (SELECT DISTINCT {column} FROM {source})",  # noqa: S608
        list(rows.values),
    )
    connection.execute(
        f"INSERT INTO {place} BY NAME SELECT * FROM {source} WHERE {column} IN ({marks})",  # noqa: S608
        list(rows.values),
    )


def _copy(connection: duckdb.DuckDBPyConnection, relation: _Relation, table: str) -> None:
    columns = ", ".join(quoted(column.name) for column in relation.columns)
    select = f"SELECT {columns} FROM {quoted(relation.schema)}.{quoted(relation.name)}"  # noqa: S608
    connection.execute(f"CREATE TABLE {table} AS {select} WITH NO DATA")
    for column in relation.columns:
        if not column.nullable:
            connection.execute(f"ALTER TABLE {table} ALTER COLUMN {quoted(column.name)} SET NOT NULL")
        if column.comment is not None:
            place = f"{table}.{quoted(column.name)}"
            connection.execute(f"COMMENT ON COLUMN {place} IS '{escaped(column.comment)}'")
    if relation.comment is not None:
        connection.execute(f"COMMENT ON TABLE {table} IS '{escaped(relation.comment)}'")
    connection.execute(f"INSERT INTO {table} {select}")


def _relations(connection: duckdb.DuckDBPyConnection, schema: str, *, database: str | None = None) -> list[_Relation]:
    """Return the tables and views of a schema in `database`, by default the database that the connection opened."""
    found = connection.execute(
        "SELECT database_name, schema_name, table_name, comment FROM duckdb_tables() "
        "WHERE database_name = coalesce($2, current_database()) AND NOT temporary AND lower(schema_name) = lower($1) "
        "UNION ALL SELECT database_name, schema_name, view_name, comment FROM duckdb_views() "
        "WHERE database_name = coalesce($2, current_database()) AND NOT temporary AND NOT internal "
        "AND lower(schema_name) = lower($1) ORDER BY ALL",
        [schema, database],
    ).fetchall()
    columns = _columns(connection, schema, database)
    return [
        _Relation(place, name, comment, tuple(columns[owner, place, name])) for owner, place, name, comment in found
    ]


def _columns(
    connection: duckdb.DuckDBPyConnection, schema: str, database: str | None
) -> Mapping[tuple[str, str, str], list[_Column]]:
    """Return the columns of all relations, by database, schema and relation."""
    found = connection.execute(
        "SELECT database_name, schema_name, table_name, column_name, is_nullable, comment FROM duckdb_columns() "
        "WHERE database_name = coalesce($2, current_database()) AND lower(schema_name) = lower($1) "
        "ORDER BY column_index",
        [schema, database],
    ).fetchall()
    columns: dict[tuple[str, str, str], list[_Column]] = {}
    for *place, name, nullable, comment in found:
        columns.setdefault((place[0], place[1], place[2]), []).append(_Column(name, nullable, comment))
    return columns


def _mode_of_new_files(beside: Path) -> int:
    """Return the permissions of new files in a folder. The operator decides by them who may read published files."""
    probe = beside.with_name(f"{beside.name}.mode")
    probe.touch()
    try:
        return stat.S_IMODE(probe.stat().st_mode)
    finally:
        probe.unlink()


def _remove(folder: Path, prefix: str) -> None:
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name.startswith(prefix):
            path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

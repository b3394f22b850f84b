"""INFORMATION_SCHEMA: TABLES, COLUMNS and SCHEMATA, limited to objects that the role sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from local.snowflake.emulator.account.context import Context
from local.snowflake.emulator.errors import unsupported
from local.snowflake.emulator.sql.relations import Relation
from local.snowflake.emulator.sql.types import family, number_parts, text_length

_TEXT, _NUMBER, _TIME = pa.string(), pa.int64(), pa.timestamp("us", "UTC")
Row = tuple[Any, ...]

_TABLES = pa.schema(
    [
        ("TABLE_CATALOG", _TEXT), ("TABLE_SCHEMA", _TEXT), ("TABLE_NAME", _TEXT), ("TABLE_OWNER", _TEXT),
        ("TABLE_TYPE", _TEXT), ("IS_TRANSIENT", _TEXT), ("CLUSTERING_KEY", _TEXT), ("ROW_COUNT", _NUMBER),
        ("BYTES", _NUMBER), ("RETENTION_TIME", _NUMBER), ("CREATED", _TIME), ("LAST_ALTERED", _TIME),
        ("AUTO_CLUSTERING_ON", _TEXT), ("IS_DYNAMIC", _TEXT), ("IS_ICEBERG", _TEXT), ("COMMENT", _TEXT),
    ]
)  # fmt: skip
_COLUMNS = pa.schema(
    [
        ("TABLE_CATALOG", _TEXT), ("TABLE_SCHEMA", _TEXT), ("TABLE_NAME", _TEXT), ("COLUMN_NAME", _TEXT),
        ("ORDINAL_POSITION", _NUMBER), ("COLUMN_DEFAULT", _TEXT), ("IS_NULLABLE", _TEXT), ("DATA_TYPE", _TEXT),
        ("CHARACTER_MAXIMUM_LENGTH", _NUMBER), ("CHARACTER_OCTET_LENGTH", _NUMBER), ("NUMERIC_PRECISION", _NUMBER),
        ("NUMERIC_PRECISION_RADIX", _NUMBER), ("NUMERIC_SCALE", _NUMBER), ("DATETIME_PRECISION", _NUMBER),
        ("COMMENT", _TEXT),
    ]
)  # fmt: skip
_SCHEMATA = pa.schema(
    [
        ("CATALOG_NAME", _TEXT), ("SCHEMA_NAME", _TEXT), ("SCHEMA_OWNER", _TEXT), ("IS_TRANSIENT", _TEXT),
        ("IS_MANAGED_ACCESS", _TEXT), ("RETENTION_TIME", _TEXT), ("CREATED", _TIME), ("LAST_ALTERED", _TIME),
        ("COMMENT", _TEXT),
    ]
)  # fmt: skip


def view(context: Context, database: str, name: str) -> str:
    """Register one view's rows on the session's connection. Return its name in DuckDB."""
    context.account.catalog.database(database)
    if name not in _ROWS:
        raise unsupported(f"INFORMATION_SCHEMA.{name}")
    schema, rows = _ROWS[name]
    return register(context, f"INFORMATION_SCHEMA_{name}", schema, list(rows(context, database)))


def register(context: Context, name: str, schema: pa.Schema, rows: list[Row]) -> str:
    """Make `rows` readable under `name` for this statement."""
    arrays = [pa.array([row[at] for row in rows], type=field.type) for at, field in enumerate(schema)]
    context.session.views[name] = pa.Table.from_arrays(arrays, schema=schema)
    return name


def visible(context: Context, database: str | None = None, schema: str | None = None) -> Iterator[Relation]:
    """Yield tables and views on which the role holds a privilege, and the session's temporary ones."""
    for relation in context.account.catalog.relations(database, schema):
        if context.actor.held(relation.kind, str(relation.name), relation.owner):
            yield relation
    for name, relation in sorted(context.session.temporary.items()):
        if database in (None, name.database) and schema in (None, name.schema):
            yield relation


def table_type(relation: Relation) -> str:
    if relation.kind == "VIEW":
        return "VIEW"
    return "LOCAL TEMPORARY" if relation.temporary else "BASE TABLE"


def row_count(context: Context, relation: Relation) -> int | None:
    if relation.kind == "VIEW":
        return None
    [(rows,)] = context.session.connection.cursor().execute(f"SELECT count(*) FROM {relation.duckdb}").fetchall()
    return int(rows)


def _tables(context: Context, database: str) -> Iterator[Row]:
    for relation in visible(context, database):
        name = relation.name
        rows = None if relation.temporary else row_count(context, relation)
        yield (
            name.database, name.schema, name.name, relation.owner, table_type(relation),
            None if relation.kind == "VIEW" else _yes(relation.transient), relation.cluster_by or None, rows,
            None if rows is None else rows * 1024, 1, relation.created_on, relation.last_altered,
            # A clustering key turns automatic clustering on ("Automatic Clustering" in Snowflake's user guide).
            _yes(bool(relation.cluster_by)), "NO", "NO", relation.comment,
        )  # fmt: skip


def _columns(context: Context, database: str) -> Iterator[Row]:
    for relation in visible(context, database):
        for position, column in enumerate(relation.columns, 1):
            number, length = number_parts(column.type), text_length(column.type)
            kind = family(column.type)
            yield (
                relation.name.database, relation.name.schema, relation.name.name, column.name, position, None,
                _yes(column.nullable), "TEXT" if kind == "VARCHAR" else kind, length,
                None if length is None else min(length * 4, 16777216), number[0] if number else None,
                10 if number else None, number[1] if number else None,
                9 if kind.startswith("TIME") else None, column.comment,
            )  # fmt: skip


def _schemata(context: Context, database: str) -> Iterator[Row]:
    for schema in context.account.catalog.database(database).schemas.values():
        if context.actor.held("SCHEMA", f"{database}.{schema.name}", schema.owner):
            yield (
                database, schema.name, schema.owner, "NO", _yes(schema.managed), "1",
                schema.created_on, schema.created_on, None,
            )  # fmt: skip
    yield (
        database,
        "INFORMATION_SCHEMA",
        None,
        "NO",
        "NO",
        "1",
        None,
        None,
        "Views describing the contents of schemas",
    )


def _yes(value: bool) -> str:
    return "YES" if value else "NO"


_ROWS: dict[str, tuple[pa.Schema, Callable[[Context, str], Iterator[Row]]]] = {
    "TABLES": (_TABLES, _tables),
    "COLUMNS": (_COLUMNS, _columns),
    "SCHEMATA": (_SCHEMATA, _schemata),
}

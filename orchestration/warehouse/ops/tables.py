"""The tables `ops_*` in MART: their columns, taken from the models of their rows, and the import of runs into them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import NoneType, UnionType
from typing import Literal, get_args, get_origin

import pyarrow as pa
from pydantic import AwareDatetime
from pydantic.fields import FieldInfo

from ingest.contracts.types import TEXT, Kind, LandingType
from orchestration.warehouse.ddl import Table, TableColumn
from orchestration.warehouse.ops.rows import ROW_TYPES, OpsRow, RunRecord, RunRow
from orchestration.warehouse.protocol import Session

_TYPES: dict[object, LandingType] = {
    str: TEXT,
    int: LandingType(Kind.INT64),
    float: LandingType(Kind.FLOAT64),
    bool: LandingType(Kind.BOOLEAN),
    AwareDatetime: LandingType(Kind.TIMESTAMP),
}
READERS_VIEWS = frozenset({"ops_freshness"})
"""dbt's views of these tables, in the same schema."""


def ops_table(kind: type[OpsRow], schema: str) -> Table:
    """Return the table of a kind of row.

    dbt tests its key, but the table declares none: an index over every node of every run would cost more than it gains.
    """
    return Table(schema, kind.table, tuple(_column(name, field) for name, field in kind.model_fields.items()))


def ops_tables(schema: str) -> tuple[Table, ...]:
    """Return all tables `ops_*`."""
    return tuple(ops_table(kind, schema) for kind in ROW_TYPES)


def ensure_ops_tables(session: Session, schema: str) -> None:
    """Create the schema and missing tables, and add columns of a later release. Raises the session's errors."""
    session.create_schema(schema)
    found = session.query(
        "SELECT lower(table_name), lower(column_name) FROM information_schema.columns "
        "WHERE table_catalog = current_database() AND upper(table_schema) = upper(?)",
        [schema],
    )
    present: dict[object, set[object]] = {}
    for name, column in found:
        present.setdefault(name, set()).add(column)
    for table in ops_tables(schema):
        if table.name not in present:
            session.execute(session.dialect.create_table(table))
            continue
        for missing in (column for column in table.columns if column.name not in present[table.name]):
            session.execute(session.dialect.add_column(table, missing))


def import_records(session: Session, schema: str, records: Sequence[RunRecord], *, keep: timedelta) -> None:
    """Replace the runs' rows by those of `records`, and remove runs that ended longer than `keep` ago.

    If a record says that its run crashed and the run has rows already, these stay, because the run itself wrote them.
    Everything happens in one transaction. Raises the session's errors.
    """
    newest = _newest(session, schema, records)
    oldest = datetime.now(UTC).replace(tzinfo=None) - keep
    runs = session.dialect.table(ops_table(RunRow, schema))
    marks = ", ".join("?" for _ in newest)
    named = f"run_id IN ({marks}) OR " if newest else ""
    with session.transaction():
        # Runs come last, because their ends decide which rows are too old.
        for kind in reversed(ROW_TYPES):
            table = session.dialect.table(ops_table(kind, schema))
            expired = f"run_id IN (SELECT run_id FROM {runs} WHERE ended_at < ?)"  # noqa: S608
            session.execute(f"DELETE FROM {table} WHERE {named}{expired}", [*newest, oldest])  # noqa: S608
        for kind in ROW_TYPES:
            rows = [row for record in newest.values() for row in record.rows(kind)]
            if rows:
                session.append(ops_table(kind, schema), _arrow(ops_table(kind, schema), rows))


def _newest(session: Session, schema: str, records: Sequence[RunRecord]) -> dict[str, RunRecord]:
    """Return the newest record of each run."""
    newest = {record.run.run_id: record for record in records}
    crashed = [run_id for run_id, record in newest.items() if record.run.state == "crashed"]
    if not crashed:
        return newest
    runs, marks = session.dialect.table(ops_table(RunRow, schema)), ", ".join("?" for _ in crashed)
    present = session.query(f"SELECT run_id FROM {runs} WHERE run_id IN ({marks})", crashed)  # noqa: S608
    return {run_id: record for run_id, record in newest.items() if (run_id,) not in present}


def _arrow(table: Table, rows: Sequence[OpsRow]) -> pa.Table:
    schema = pa.schema([(column.name, column.type.arrow) for column in table.columns])
    columns = ([_value(getattr(row, name)) for row in rows] for name in schema.names)
    return pa.Table.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)], schema=schema
    )


def _value(value: object) -> object:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


def _column(name: str, field: FieldInfo) -> TableColumn:
    """Return a field as a column. It is nullable if the field may be None."""
    members = get_args(field.annotation) if isinstance(field.annotation, UnionType) else (field.annotation,)
    [member] = [each for each in members if each is not NoneType]
    landing = TEXT if get_origin(member) is Literal else _TYPES[member]
    return TableColumn(name, landing, nullable=len(members) > 1)

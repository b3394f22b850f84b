"""RAW's tables by the contracts, and the spelling of their types and names in each warehouse.

`data_table`, `deletes_table`, `ledger_table`, `locks_table` and `claim_table` are the only lists of columns. Each
warehouse has its own `Dialect`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ingest.contracts.model import StreamContract
from ingest.contracts.names import folded, quoted
from ingest.contracts.types import TEXT, Kind, LandingType
from ingest.contracts.widening import landing_widens

LEDGER = "_loads"
LOCKS = "_locks"
CLAIM_PREFIX = "_claim_"
DELETES_SUFFIX = "__deletes"

_INT64 = LandingType(Kind.INT64)
_TIMESTAMPTZ = LandingType(Kind.TIMESTAMPTZ)


@dataclass(frozen=True)
class TableColumn:
    """A column of a RAW table. Contract columns are nullable: older files may lack them."""

    name: str
    type: LandingType
    nullable: bool = True


@dataclass(frozen=True)
class Table:
    """A table by its schema and name, with its columns in order."""

    schema: str
    name: str
    columns: tuple[TableColumn, ...]
    primary_key: tuple[str, ...] = ()


META_COLUMNS = (
    TableColumn("_batch_id", TEXT, nullable=False),
    TableColumn("_log_version", _INT64, nullable=False),
    TableColumn("_row_number", _INT64, nullable=False),
    TableColumn("_extracted_at", _TIMESTAMPTZ, nullable=False),
)
"""What ingest adds to every file."""


def data_table(contract: StreamContract, schema: str) -> Table:
    """Return `raw.<stream>`: every landed version of every row."""
    columns = tuple(TableColumn(column.name, column.landing) for column in contract.columns)
    return Table(schema, contract.stream, columns + META_COLUMNS)


def deletes_table(contract: StreamContract, schema: str) -> Table:
    """Return `raw.<stream>__deletes`: a tombstone for each time that a key was found deleted at the source."""
    columns = tuple(TableColumn(column.name, column.landing) for column in contract.key_columns)
    return Table(schema, contract.stream + DELETES_SUFFIX, columns + META_COLUMNS)


def stream_tables(contract: StreamContract, schema: str) -> tuple[Table, ...]:
    """Return the tables of a stream: its data and, if a keys pass finds deletions, its tombstones."""
    data = data_table(contract, schema)
    return (data, deletes_table(contract, schema)) if contract.lands_keys else (data,)


def ledger_table(schema: str) -> Table:
    """Return `raw._loads`: one row for each version of each stream that was loaded."""

    def column(name: str, type_: LandingType, *, nullable: bool = False) -> TableColumn:
        return TableColumn(name, type_, nullable)

    return Table(
        schema,
        LEDGER,
        (
            column("stream", TEXT),
            column("version", _INT64),
            column("kind", TEXT),
            column("rows", _INT64),
            column("quarantined", _INT64),
            column("files", _INT64),
            column("bytes", _INT64),
            column("batch_id", TEXT),
            column("run_id", TEXT),
            column("contract_version", TEXT),
            column("committed_at", _TIMESTAMPTZ),
            column("loaded_at", _TIMESTAMPTZ),
        ),
        primary_key=("stream", "version"),
    )


def locks_table(schema: str) -> Table:
    """Return `raw._locks`: the holder of the writer's lease, for a warehouse that has no lock of its own."""
    return Table(
        schema,
        LOCKS,
        (
            TableColumn("name", TEXT, nullable=False),
            TableColumn("run_id", TEXT),
            TableColumn("pid", _INT64),
            TableColumn("host", TEXT),
            TableColumn("since", _TIMESTAMPTZ),
            TableColumn("expires_at", _TIMESTAMPTZ),
        ),
        primary_key=("name",),
    )


def claim_table(stream: str, schema: str) -> Table:
    """Return `raw._claim_<stream>`: one row, which a load updates so that it is the only load of its stream.

    Each stream has its own table, because Snowflake locks a whole table for an UPDATE. No stream's name begins with
    `_`.
    """
    return Table(schema, CLAIM_PREFIX + stream, (TableColumn("run_id", TEXT), TableColumn("since", _TIMESTAMPTZ)))


@dataclass(frozen=True)
class Dialect:
    """A warehouse's spelling of types and names. `types` maps every Kind but DECIMAL to the name in the catalog."""

    name: str
    types: Mapping[Kind, str]
    decimal: str

    def type(self, landing: LandingType) -> str:
        """Return the warehouse's name of a landing type."""
        if landing.kind is Kind.DECIMAL:
            return self.decimal.format(precision=landing.precision, scale=landing.scale)
        return self.types[landing.kind]

    def quote(self, name: str) -> str:
        """Return a name as an identifier, whatever its characters."""
        return quoted(name)

    def table(self, table: Table) -> str:
        """Return `"schema"."table"`."""
        return f"{self.quote(table.schema)}.{self.quote(table.name)}"

    def create_schema(self, schema: str) -> str:
        """Return CREATE SCHEMA IF NOT EXISTS."""
        return f"CREATE SCHEMA IF NOT EXISTS {self.quote(schema)}"

    def create_table(self, table: Table) -> str:
        """Return CREATE TABLE IF NOT EXISTS."""
        return f"CREATE TABLE IF NOT EXISTS {self.table(table)} ({self._body(table)})"

    def create_temporary_table(self, table: Table) -> str:
        """Return CREATE OR REPLACE TEMPORARY TABLE, which replaces a table that an earlier use has left."""
        return f"CREATE OR REPLACE TEMPORARY TABLE {self.table(table)} ({self._body(table)})"

    def _body(self, table: Table) -> str:
        lines = [self._definition(column) for column in table.columns]
        if table.primary_key:
            lines.append(f"PRIMARY KEY ({', '.join(map(self.quote, table.primary_key))})")
        return ", ".join(lines)

    def add_column(self, table: Table, column: TableColumn) -> str:
        """Return ALTER TABLE ADD COLUMN IF NOT EXISTS. The column is nullable, because existing rows have no value for
        it.
        """
        name, type_ = self.quote(column.name), self.type(column.type)
        return f"ALTER TABLE {self.table(table)} ADD COLUMN IF NOT EXISTS {name} {type_}"

    def widen_column(self, table: Table, change: TypeChange) -> str:
        """Return ALTER TABLE to a type that holds every existing value."""
        return f"ALTER TABLE {self.table(table)} ALTER COLUMN {self.quote(change.column)} SET DATA TYPE {change.wanted}"

    def parse(self, type_: str) -> LandingType | None:
        """Return the landing type that the warehouse spells `type`; None if there is none."""
        kinds = {name: kind for kind, name in self.types.items()}
        if type_ in kinds:
            return LandingType(kinds[type_])
        pattern = re.escape(self.decimal).replace(r"\{precision\}", r"(\d+)").replace(r"\{scale\}", r"(\d+)")
        match = re.fullmatch(pattern, type_)
        return LandingType(Kind.DECIMAL, int(match[1]), int(match[2])) if match else None

    def widens(self, narrow: str, wide: str) -> bool:
        """Return whether type `wide` holds every value of type `narrow` unchanged. Equal types widen each other."""
        old, new = self.parse(narrow), self.parse(wide)
        return narrow == wide or (old is not None and new is not None and landing_widens(old, new))

    def can_widen(self, actual: str, wanted: str) -> bool:
        """Return whether `widen_column` can change a column of type `actual` to type `wanted`."""
        return self.widens(actual, wanted)

    def _definition(self, column: TableColumn) -> str:
        constraint = "" if column.nullable else " NOT NULL"
        return f"{self.quote(column.name)} {self.type(column.type)}{constraint}"


@dataclass(frozen=True)
class TypeChange:
    """A column whose type in the warehouse differs from the wanted one; both in the warehouse's spelling."""

    column: str
    actual: str
    wanted: str


@dataclass(frozen=True)
class Differences:
    """The changes that a table needs for rows to fit. A column that is already wider needs none.

    `narrower` columns can be widened; `incompatible` columns cannot be changed.
    """

    missing: tuple[TableColumn, ...]
    narrower: tuple[TypeChange, ...]
    incompatible: tuple[TypeChange, ...]


def compare(table: Table, actual: Mapping[str, str], dialect: Dialect) -> Differences:
    """Compare `table` with the warehouse's columns, which map each name as the warehouse stores it to a type."""
    present = {folded(name): type_ for name, type_ in actual.items()}
    missing = tuple(column for column in table.columns if folded(column.name) not in present)
    pairs = [(column, present[folded(column.name)]) for column in table.columns if column not in missing]
    changes = [
        TypeChange(column.name, type_, dialect.type(column.type))
        for column, type_ in pairs
        if not dialect.widens(dialect.type(column.type), type_)
    ]
    narrower = tuple(change for change in changes if dialect.can_widen(change.actual, change.wanted))
    return Differences(missing, narrower, tuple(change for change in changes if change not in narrower))

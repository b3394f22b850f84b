"""Makes RAW's tables fit new rows: creates them, adds missing columns, and widens columns.

It never narrows or casts.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingest.contracts.model import StreamContract
from ingest.contracts.types import LandingType
from ingest.errors import ConfigurationError
from ingest.lake.commit import Commit
from orchestration.warehouse.ddl import Table, TableColumn, TypeChange, compare, data_table, deletes_table
from orchestration.warehouse.protocol import Session


@dataclass(frozen=True)
class Fitted:
    """The changes made: names of added columns, and widenings such as `quantity: INTEGER to BIGINT`."""

    added: tuple[str, ...] = ()
    widened: tuple[str, ...] = ()

    def plus(self, other: Fitted) -> Fitted:
        """Return both sets of changes, each change once, because a stream's data and its tombstones share columns."""
        return Fitted(
            tuple(dict.fromkeys((*self.added, *other.added))), tuple(dict.fromkeys((*self.widened, *other.widened)))
        )


def fit_contract(session: Session, contract: StreamContract, table: Table) -> Fitted:
    """Create `table`, or change it to fit the contract.

    Raises ConfigurationError if a type has changed incompatibly.
    """
    return _fit(session, table, contract.stream, f"contract version {contract.version}")


def fit_commit(session: Session, contract: StreamContract, schema: str, commit: Commit) -> Fitted:
    """Make a stream's tables fit the columns of a commit's rows, which may be more than the contract's.

    Call it outside a transaction, because some warehouses commit at each DDL statement. A table that is wider than its
    rows does no harm, whether or not the load succeeds. Raises ConfigurationError if a type has changed incompatibly.
    """
    if not commit.columns:
        return Fitted()
    committed = tuple(TableColumn(name, LandingType.parse(type_)) for name, type_ in commit.columns.items())
    tables = [Table(schema, data_table(contract, schema).name, committed)]
    if contract.lands_keys:
        keys = tuple(column for column in committed if column.name in contract.key)
        tables.append(Table(schema, deletes_table(contract, schema).name, keys))
    fitted = Fitted()
    for table in tables:
        fitted = fitted.plus(_fit(session, table, contract.stream, f"version {commit.version} of the lake"))
    return fitted


def _fit(session: Session, table: Table, stream: str, wanted_by: str) -> Fitted:
    actual = session.columns(table)
    if not actual:
        session.execute(session.dialect.create_table(table))
        return Fitted()
    differences = compare(table, actual, session.dialect)
    for change in differences.incompatible:
        raise _incompatible(change, table, stream, wanted_by)
    for column in differences.missing:
        session.execute(session.dialect.add_column(table, column))
    for change in differences.narrower:
        session.execute(session.dialect.widen_column(table, change))
    return Fitted(
        tuple(column.name for column in differences.missing),
        tuple(f"{change.column}: {change.actual} to {change.wanted}" for change in differences.narrower),
    )


def _incompatible(change: TypeChange, table: Table, stream: str, wanted_by: str) -> ConfigurationError:
    return ConfigurationError(
        f"column '{change.column}' is {change.actual} in {table.schema}.{table.name}, "
        f"and {change.wanted} in {wanted_by}",
        stream=stream,
        hint="Nothing is ever cast. Give the column a new name; or, if the older files fit the new type, build the "
        f"table anew from the lake: `python -m orchestration.warehouse reload {stream}`.",
    )

"""The warehouse's side of the reconciliation: RAW according to the ledger, and dbt's staging views."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.contracts.model import StreamContract
from ingest.lake.counting import CountingVersions, counting_versions
from orchestration.settings import Schemas
from orchestration.warehouse.ddl import Table, data_table, deletes_table
from orchestration.warehouse.ledger import Ledger
from orchestration.warehouse.protocol import Session

if TYPE_CHECKING:
    import pyarrow as pa

STAGING_PREFIX = "stg_"
"""dbt's view of a stream's current rows is called `stg_<stream>` and keeps the names of the key's columns."""


@dataclass(frozen=True)
class WarehouseCount:
    """The number of rows of a stream in the warehouse.

    `current` and `staging` exclude rows in flight. `staging` is None if there is no such view.
    """

    current: int
    history: int
    staging: int | None


def count_warehouse(
    session: Session, schemas: Schemas, contract: StreamContract, in_flight: pa.Table | None, *, staging: bool
) -> WarehouseCount:
    """Count a loaded stream. With `staging`, count dbt's view too."""
    counter = _Counter(session, schemas, contract)
    with ExitStack() as resources:
        excluded = None
        if in_flight is not None and in_flight.num_rows:
            excluded = resources.enter_context(session.temporary_table("in_flight", in_flight))
        return WarehouseCount(
            current=counter.current(excluded),
            history=counter.history(),
            staging=counter.staging(excluded) if staging else None,
        )


class _Counter:
    def __init__(self, session: Session, schemas: Schemas, contract: StreamContract) -> None:
        self._session = session
        self._schemas = schemas
        self._contract = contract
        self._ledger = Ledger(session, schemas.raw)
        self._data = session.dialect.table(data_table(contract, schemas.raw))
        self._columns = ", ".join(session.dialect.quote(name) for name in contract.key)

    def history(self) -> int:
        return self._number(f"SELECT count(*) FROM {self._data}")  # noqa: S608

    def current(self, excluded: str | None) -> int:
        counting = counting_versions(
            self._contract, lambda kind: self._ledger.newest(self._contract.stream, (kind.value,))
        )
        landed = f"{self._data} WHERE _log_version >= {counting.first}"
        if counting.last is not None:
            return self._number(f"SELECT count(*) FROM {landed} AND _log_version <= {counting.last}")  # noqa: S608
        return self._number(
            f"SELECT count(*) FROM (SELECT {self._columns}, max(_log_version) AS _version "  # noqa: S608
            f"FROM {landed} GROUP BY {self._columns}) AS t {self._deletions(counting)}{self._not_in(excluded)}"
        )

    def staging(self, excluded: str | None) -> int | None:
        view = Table(self._schemas.staging, f"{STAGING_PREFIX}{self._contract.stream}", ())
        if not self._session.columns(view):
            return None
        return self._number(
            f"SELECT count(*) FROM {self._session.dialect.table(view)} AS t WHERE true{self._not_in(excluded)}"  # noqa: S608
        )

    def _deletions(self, counting: CountingVersions) -> str:
        """Return a join and a condition that exclude keys with a later tombstone."""
        if not counting.tombstones:
            return "WHERE true"
        deletes = self._session.dialect.table(deletes_table(self._contract, self._schemas.raw))
        return (
            f"LEFT JOIN (SELECT {self._columns}, max(_log_version) AS _deleted_version FROM {deletes} "  # noqa: S608
            f"GROUP BY {self._columns}) AS d ON {self._same('d')} WHERE coalesce(d._deleted_version, 0) < t._version"
        )

    def _not_in(self, excluded: str | None) -> str:
        return f" AND NOT EXISTS (SELECT 1 FROM {excluded} AS x WHERE {self._same('x')})" if excluded else ""  # noqa: S608

    def _same(self, other: str) -> str:
        quote = self._session.dialect.quote
        return " AND ".join(f"{other}.{quote(name)} = t.{quote(name)}" for name in self._contract.key)

    def _number(self, sql: str) -> int:
        [(number,)] = self._session.query(sql)
        return int(str(number))

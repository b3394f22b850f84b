"""Deletions in the form of older releases: the set of all keys, in commits of kind `keys` and `raw.<stream>__keys`.

A key is deleted if the set lacks it and it has an older row; the keys in the set are not deleted. In RAW a set becomes
tombstones: when such a commit is loaded, and once for the set that an older release has loaded last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ingest.contracts.model import StreamContract
from orchestration.warehouse.ddl import Table, data_table, deletes_table
from orchestration.warehouse.ledger import KeySetEntry
from orchestration.warehouse.protocol import Session

_SUFFIX = "__keys"


def key_set_table(contract: StreamContract, schema: str) -> Table:
    """Return `raw.<stream>__keys`, which has the columns of the tombstones."""
    deletes = deletes_table(contract, schema)
    return Table(schema, contract.stream + _SUFFIX, deletes.columns)


@dataclass(frozen=True)
class Applied:
    """The numbers of tombstones that a set has added, and of tombstones that it has removed because their keys came
    back.
    """

    added: int
    revived: int


class KeySets:
    """The key sets of one stream."""

    def __init__(self, session: Session, schema: str, contract: StreamContract) -> None:
        self._session = session
        self._contract = contract
        self.table = key_set_table(contract, schema)
        self._keys = session.dialect.table(self.table)
        self._data = session.dialect.table(data_table(contract, schema))
        self._deletes = session.dialect.table(deletes_table(contract, schema))
        self._columns = ", ".join(session.dialect.quote(name) for name in contract.key)

    def ensure(self) -> None:
        """Create the table that a set is loaded into, outside of a transaction."""
        if not self._session.columns(self.table):
            self._session.execute(self._session.dialect.create_table(self.table))

    def apply(self, load: Callable[[Table], object], *, version: int, batch_id: str, extracted_at: datetime) -> Applied:
        """Inside a transaction, let `load` fill the table with the set of `version`, and make tombstones of it."""
        self._session.execute(f"DELETE FROM {self._keys}")  # noqa: S608
        load(self.table)
        applied = self._apply(version, batch_id, extracted_at)
        self._session.execute(f"DELETE FROM {self._keys}")  # noqa: S608
        return applied

    def convert(self, newest: KeySetEntry) -> None:
        """Make tombstones of the set `newest`, which an older release has loaded, and drop its table."""
        if not self._session.columns(self.table):
            return
        [(rows,)] = self._session.query(f"SELECT count(*) FROM {self._keys}")  # noqa: S608
        if rows == newest.rows:  # otherwise it was made into tombstones already, or the table is new
            with self._session.transaction():
                self._session.claim(self._contract.stream)
                self._apply(newest.version, newest.batch_id, newest.committed_at)
        self._session.execute(f"DROP TABLE {self._keys}")

    def _apply(self, version: int, batch_id: str, extracted_at: datetime) -> Applied:
        present = f"EXISTS (SELECT 1 FROM {self._keys} AS p WHERE {self._same('p', 'd')})"  # noqa: S608
        revived = self._session.execute(
            f"DELETE FROM {self._deletes} WHERE _log_version < ? "  # noqa: S608
            f"AND ({self._columns}) IN (SELECT {self._columns} FROM {self._keys})",
            [version],
        )
        listed = ", ".join(f"d.{self._session.dialect.quote(name)}" for name in self._contract.key)
        added = self._session.execute(
            f"INSERT INTO {self._deletes} ({self._columns}, _batch_id, _log_version, _row_number, _extracted_at) "  # noqa: S608
            f"SELECT {listed}, ?, ?, row_number() OVER (ORDER BY {listed}), ? "
            f"FROM (SELECT {self._columns}, max(_log_version) AS newest FROM {self._data} GROUP BY {self._columns}) "
            f"AS d LEFT JOIN (SELECT {self._columns}, max(_log_version) AS deleted FROM {self._deletes} "
            f"GROUP BY {self._columns}) AS t ON {self._same('t', 'd')} "
            f"WHERE d.newest < ? AND coalesce(t.deleted, 0) <= d.newest AND NOT {present}",
            [batch_id, version, extracted_at, version],
        )
        return Applied(added, revived)

    def _same(self, one: str, other: str) -> str:
        quote = self._session.dialect.quote
        return " AND ".join(f"{one}.{quote(name)} = {other}.{quote(name)}" for name in self._contract.key)

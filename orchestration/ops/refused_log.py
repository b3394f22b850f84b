"""The refused records of one stream's log in tables that are kept between runs, so that no run reads the log again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ingest.contracts.model import StreamContract
from ingest.lake.commit import Commit
from ingest.lake.objects.store import ObjectStore
from ingest.run.quarantine import Refusal, refusals_in, settled_by
from orchestration.reconcile.kept_log import KeptLog, Readings

if TYPE_CHECKING:
    import duckdb

_FORMAT = "refused 1"
"""Of these tables; others are made anew."""


class RefusedLog(KeptLog):
    """The refused records of one stream, without their content.

    refused    each refused record
    readings   the commits that say which of them are settled
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, contract: StreamContract, store: ObjectStore) -> None:
        super().__init__(connection, store, contract.stream)
        self._contract = contract
        self._readings = Readings(connection)

    def refusals(self) -> list[tuple[Refusal, int | None]]:
        """Return each refused record in the order of version and position, and the version that settled or replaced
        it; None if it is open.
        """
        found = self._connection.execute("SELECT * FROM refused ORDER BY version, position").to_arrow_table()
        refusals = [Refusal(**row) for row in found.to_pylist()]
        settled = settled_by(self._contract, self._readings.all(), refusals) if refusals else {}
        return [(refusal, settled.get(refusal.place)) for refusal in refusals]

    def _identity(self) -> str:
        return _FORMAT

    def _create(self) -> None:
        self._connection.execute(
            "CREATE TABLE refused (version BIGINT, position BIGINT, reason TEXT, key TEXT, content TEXT, "
            "after TIMESTAMPTZ, before TIMESTAMPTZ)"
        )
        self._readings.create()

    def _add(self, commits: Sequence[Commit]) -> bool:
        import pyarrow as pa

        self._readings.add(commits)
        rows = [vars(refusal) for commit in commits for refusal, _ in refusals_in(self._store, commit)]
        if rows:
            self._connection.register("added_refusals", pa.Table.from_pylist(rows))
            self._connection.execute("INSERT INTO refused BY NAME SELECT * FROM added_refusals")
            self._connection.unregister("added_refusals")
        return True

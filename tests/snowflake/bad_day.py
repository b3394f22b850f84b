"""A line from a lake to an emulated account with faults: the loads, and the state that must hold afterwards."""

from __future__ import annotations

import io
import os
from collections import Counter
from dataclasses import dataclass, replace

import pyarrow.parquet as pq

from ingest.contracts.model import StreamContract
from ingest.lake.commit import CommitKind
from orchestration.warehouse.loader import Loader, LoadResult, load_streams
from orchestration.warehouse.protocol import Row
from orchestration.warehouse.snowflake.settings import SnowflakeSettings
from tests.orchestration.lake_builder import LakeBuilder
from tests.snowflake.account import Account
from tests.snowflake.statement_proxy import StatementProxy


@dataclass(frozen=True)
class BadDay:
    """A line with a proxy. `account` bypasses the proxy, and `settings` lead through it."""

    lake: LakeBuilder
    proxy: StatementProxy
    account: Account
    settings: SnowflakeSettings

    @property
    def stream(self) -> str:
        return self.lake.contract.stream

    def load(self, of: StreamContract | None = None, *, patience: float = 60) -> LoadResult:
        """Load the stream, with `patience` seconds for retries. Raises the load's error."""
        warehouse = replace(self.account, settings=self.settings).warehouse()
        with warehouse.connect() as session:
            loader = Loader(self.lake.store, "RAW", run_id="bad-day", wait_budget_seconds=patience)
            [outcome] = load_streams(loader, session, [of or self.lake.contract], concurrency=1)
        if outcome.error:
            raise outcome.error
        assert outcome.result is not None
        return outcome.result

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which another process finds the lake and, through the proxy, the account."""
        host = {"SNOWFLAKE_HOST": str(self.settings.host), "SNOWFLAKE_PORT": str(self.settings.port)}
        lake = {"RAW_BUCKET": self.account.lake_settings.bucket, "WAREHOUSE_DATABASE": self.account.database}
        return (
            dict(os.environ)
            | dict(self.account.environment)
            | {"WAREHOUSE": "snowflake", "COLUMNS": "200"}
            | host
            | lake
        )

    def loaded(self) -> list[int]:
        """Return the versions in the ledger, which must be those in RAW, each with the ledger's number of rows."""
        ledger = self.account.rows(f"select version, \"ROWS\" from raw._loads where stream = '{self.stream}'")
        raw = self.account.rows(f"select _log_version, count(*) from raw.{self.stream} group by _log_version")
        assert sorted(raw) == sorted(row for row in ledger if row[1]), "RAW and the ledger disagree"
        return sorted(int(str(version)) for version, _ in ledger)

    def finish(self) -> None:
        """Remove all faults: a load completes, and RAW equals the lake row for row, without doubles."""
        self.proxy.calm()
        self.load()
        raw = self.account.rows(f"select id, name, _log_version, _row_number from raw.{self.stream}")
        assert Counter(raw) == Counter(self._landed())
        self.loaded()

    def _landed(self) -> list[Row]:
        found: list[Row] = []
        for commit in self.lake.log.since(0):
            for file in commit.files if commit.kind is CommitKind.DATA else ():
                table = pq.read_table(io.BytesIO(self.lake.store.get(file.key) or b""))
                columns = [table.column(name).to_pylist() for name in ("id", "name", "_log_version", "_row_number")]
                found.extend(zip(*columns, strict=True))
        return found

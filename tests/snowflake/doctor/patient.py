"""The account that the doctor's tests break and repair, one part at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from ingest.contracts.model import StreamContract
from ingest.findings import Check, Finding, examine
from ingest.retry_policies import COPY_HISTORY
from local.snowflake.account import integration_of
from orchestration.settings import Schemas
from orchestration.warehouse.ddl import data_table
from orchestration.warehouse.snowflake.dialect import SNOWFLAKE
from orchestration.warehouse.snowflake.doctor.account import Account as Examined
from orchestration.warehouse.snowflake.doctor.account import Patience
from orchestration.warehouse.snowflake.doctor.examination import checks
from orchestration.warehouse.snowflake.settings import SnowflakeSettings
from tests.snowflake.account import Account
from tests.snowflake.keys import key_pair

STREAMS = ("warehouses", "customers")
HASTY = Patience(lock_seconds=1, history=replace(COPY_HISTORY, tries=2, first_wait=0, longest_wait=0))


@dataclass(frozen=True)
class Patient:
    """An account, and the settings of its service users."""

    account: Account
    settings: SnowflakeSettings
    contracts: Sequence[StreamContract]

    def examined(self, *, generation: str = "1", claims: bool = True, **settings: object) -> dict[str, Finding]:
        """Return the doctor's findings, by the checks' names. Without `claims`, skip these checks, which take time."""
        with closing(self._examined(**settings)) as account:
            chosen = (check for check in checks(account, generation=generation) if claims or not _is_claim(check))
            return {finding.check: finding for finding in examine(chosen)}

    def all_checks(self) -> list[str]:
        """Return the names of all checks, without running them."""
        return [check.name for check in checks(self._examined(), generation="1")]

    def _examined(self, **settings: object) -> Examined:
        return Examined(
            self.settings.model_copy(update=settings),
            self.account.database,
            Schemas(),
            self.contracts,
            self.account.store,
            "doctor",
            patience=HASTY,
        )

    def filled(self, statement: str) -> str:
        """Return a statement with the names of this account."""
        of, database = self.settings, self.account.database
        names = {
            "loader": of.loader_role,
            "transformer": of.transformer_role,
            "reader": of.reader_role,
            "load_wh": of.load_warehouse,
            "transform_wh": of.transform_warehouse,
            "bi_wh": of.bi_warehouse,
            "user": of.user,
            "dbt": of.dbt_user,
            "db": database,
            "raw": f"{database}.RAW",
            "mart": f"{database}.MART",
            "stage": f"{database}.RAW.{of.stage}",
            "integration": self.integration,
            "bucket": self.account.lake_settings.bucket,
            "key": key_pair("mine").public,
            "other_key": key_pair("other").public,
        }
        return statement.format(**names)

    def make_table(self, stream: str) -> None:
        """Make a stream's table in RAW as the loader, like its first load."""
        contract = next(contract for contract in self.contracts if contract.stream == stream)
        with self.account.warehouse().connect() as session:
            session.execute(SNOWFLAKE.create_table(data_table(contract, "RAW")))

    @property
    def integration(self) -> str:
        """The account's storage integration."""
        return integration_of(self.account.lake_settings.bucket)

    @contextmanager
    def broken(self, breaking: Sequence[str], mending: Sequence[str]) -> Iterator[None]:
        """Run the breaking statements, and the mending ones after the block."""
        self.account.run(*map(self.filled, breaking))
        try:
            yield
        finally:
            self.account.run(*map(self.filled, mending))

    @contextmanager
    def in_doubt(self, *doubts: str) -> Iterator[None]:
        """Set doubts within the block, so that Snowflake behaves in the other way."""
        with self.broken([f"ALTER ACCOUNT SET EMULATED_DOUBTS = '{' '.join(doubts)}'"], [_NO_DOUBT]):
            yield


def _is_claim(check: Check) -> bool:
    return check.name.startswith("claim:")


_NO_DOUBT = "ALTER ACCOUNT SET EMULATED_DOUBTS = ''"


def faults(found: dict[str, Finding]) -> set[str]:
    """Return the checks that found a fault."""
    return {name for name, finding in found.items() if finding.ok is False}


def shown(found: dict[str, Finding]) -> str:
    """Return all findings as text, for a test's message."""
    return "\n".join(f"{finding.ok!s:5} {name}: {finding.seen} | {finding.advice}" for name, finding in found.items())

"""A run that finds nothing new costs nothing in the account: no login, no statement, so that no warehouse resumes.

dbt is slow in an account, and not tested here: only the other statements of runs are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from bench.cost.model import Assumptions
from orchestration.dbt.runner import DbtRunner
from orchestration.report import RunReport
from tests.orchestration.conftest import migrated, prefect_home, warm
from tests.orchestration.flow.conftest import Platform, platform
from tests.orchestration.flow.test_idle import open_a_place
from tests.snowflake.account import Account, connect
from tests.snowflake.statement_proxy import StatementProxy, statement_proxy

__all__ = ["migrated", "platform", "prefect_home", "warm"]

NEW: dict[str, object] = {"keys": False, "streams": ["customers", "stock_movements", "warehouses"]}
"""As a scheduled run, without the provider, whose history goes on by the clock."""


@dataclass(frozen=True)
class Observed:
    """A platform on an account, and a proxy for all its requests to the account."""

    platform: Platform
    account: Account
    proxy: StatementProxy

    def statements_of(self, run: RunReport) -> Counter[str]:
        """Return the numbers of a run's statements in the account's history, by warehouse."""
        return Counter(
            str(warehouse)
            for (warehouse,) in self._asked(
                "SELECT WAREHOUSE_NAME FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY(RESULT_LIMIT => 10000)) "
                f"WHERE QUERY_TAG LIKE '%{run.run_id}%'"
            )
        )

    def statements_since(self, moment: datetime) -> int:
        """Return the number of statements of all users in the account's history since a moment."""
        [(count,)] = self._asked(
            "SELECT COUNT(*) FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY(RESULT_LIMIT => 10000)) "
            f"WHERE START_TIME > '{moment.isoformat()}' AND SESSION_ID <> CURRENT_SESSION()"
        )
        return int(count)

    def _asked(self, sql: str) -> list[tuple[object, ...]]:
        with closing(connect(self.account.environment)) as owner:
            cursor = owner.cursor()
            cursor.execute(f"USE DATABASE {self.account.database}")
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]


@pytest.fixture
def observed(
    emulated: None, account: Account, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Observed]:
    with statement_proxy(str(account.settings.host), account.settings.port) as (proxy, port):
        variables = account.environment | {
            "SNOWFLAKE_PORT": str(port),
            "RAW_BUCKET": account.lake_settings.bucket,
            "WAREHOUSE": "snowflake",
            "WAREHOUSE_DATABASE": account.database,
            "BUSINESS_NOW": "2026-06-15T12:00:00Z",
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("MART_SCHEMA")  # the tiny project's, of DuckDB
        monkeypatch.setattr(DbtRunner, "build", lambda *_, **__: ())
        yield Observed(platform, account, proxy)


def test_a_run_without_news_leaves_the_account_alone(observed: Observed) -> None:
    first = observed.platform.run(**NEW)
    both = {observed.account.settings.load_warehouse, observed.account.settings.transform_warehouse}
    assert first.publication is not None
    assert {load.stream for load in first.loads if load.rows} == {"customers", "stock_movements", "warehouses"}
    assert set(observed.statements_of(first)) >= both
    assert observed.proxy.logins > 0

    began, logins, statements = datetime.now(UTC), observed.proxy.logins, len(observed.proxy.statements)
    idle = observed.platform.run(**NEW)
    assert idle.is_idle
    assert {item.stream: item.equal for item in idle.reconciliations} == {"stock_movements": True, "warehouses": True}
    assert observed.statements_since(began) == 0
    assert observed.statements_of(idle) == Counter()
    assert (observed.proxy.logins, len(observed.proxy.statements)) == (logins, statements)

    what_a_run_with_news_asks_beside_dbt_is_what_the_cost_model_assumes(observed)


def what_a_run_with_news_asks_beside_dbt_is_what_the_cost_model_assumes(observed: Observed) -> None:
    open_a_place(observed.platform)
    report = observed.platform.run(**NEW)
    asked, assumed = observed.statements_of(report), Assumptions()
    versions = sum(len(load.commits) for load in report.loads)
    settings = observed.account.settings

    assert str(report.plan) == "what depends on warehouses"
    assert versions == 1
    assert 10 < asked[settings.load_warehouse] <= assumed.statements_a_load + versions * assumed.statements_a_version
    assert 10 < asked[settings.transform_warehouse] <= assumed.statements_beside_dbt

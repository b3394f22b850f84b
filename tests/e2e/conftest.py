"""One stack for all tests of this package, built and started by the first, and forgotten after the last.

    platform    the running platform, after its first run
    ui          its pages, in a browser
    analysts    the pages over its marts, in a browser
    monitor     a Prometheus that watches it

Nothing is read of the user's `.env`; ports, project and images are the tests' own.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.settings import LakeSettings
from local.servers.postgres_server import dsn
from local.servers.shop import Shop
from postgres.setup import INGEST_ROLE, OWNER_ROLE
from tests.e2e.monitor import Monitor, prometheus_problem, watching
from tests.e2e.platform import Alerts, Platform
from tests.e2e.prefect_api import PrefectApi
from tests.e2e.provider import Provider
from tests.e2e.receiver import PORT as RECEIVER_PORT
from tests.e2e.stack import LOGS, Ports, Stack, engine_problem
from tests.e2e.ui import Ui, browser_problem

DAYS_THAT_GO_BY = timedelta(days=30)
"""More than all tests together let go by: what is dated after a run's day does not count in its balances yet."""


@dataclass(frozen=True)
class Secrets:
    """Passwords and keys as a user would write them into `.env`."""

    owner: str
    ingest: str
    superuser: str
    api_key: str
    admin_key: str
    lake_key: str

    @classmethod
    def generate(cls) -> Secrets:
        """Return new secrets."""
        return cls(*(secrets.token_hex(12) for _ in range(6)))

    @property
    def variables(self) -> dict[str, str]:
        """The secrets by the names of docker-compose.yml."""
        return {
            "SHOP_OWNER_PASSWORD": self.owner,
            "SHOP_INGEST_PASSWORD": self.ingest,
            "POSTGRES_PASSWORD": self.superuser,
            "SAAS_API_KEY": self.api_key,
            "MOCK_SAAS_API_KEY": self.api_key,
            "SAAS_ADMIN_KEY": self.admin_key,
            "AWS_ACCESS_KEY_ID": "e2e",
            "AWS_SECRET_ACCESS_KEY": self.lake_key,
        }


TUNING = {
    "IMAGE_TAG": "e2e",
    "SHOP_SCALE": "0.1",
    "EVENTS_PER_DAY": "1000",
    # Small pages and commits, and one load at a time: a container can be killed in the middle of a window or of a load.
    "SAAS_PAGE_SIZE": "100",
    "SAAS_COMMIT_BYTES": "100000",
    "LOAD_CONCURRENCY": "1",
    "SAAS_SETTLING_SECONDS": "5",
    # Several streams on three workers: each of them has something to do.
    "INGEST_SLOTS": "1",
    # Between the largest tables of this small shop and the others.
    "SMALL_TABLE_BYTES": "200000",
    "METRICS_REFRESH_SECONDS": "2",
    # Who is killed is missed sooner than by default.
    "STALE_RUN_SECONDS": "25",
    "ALERT_WEBHOOK_URL": f"http://alerts:{RECEIVER_PORT}/",
}


@pytest.fixture(scope="session")
def keys() -> Secrets:
    return Secrets.generate()


@pytest.fixture(scope="session")
def stack(keys: Secrets) -> Iterator[Stack]:
    """The stack, up and healthy. Its images are built first."""
    _require(engine_problem())
    later = f"{datetime.now(UTC) + DAYS_THAT_GO_BY:%Y-%m-%dT%H:%M:%SZ}"
    stack = Stack(Ports.free(), {**TUNING, **keys.variables, "RUNS_AS_OF": later})
    stack.down(volumes=True)  # what a killed session has left
    shutil.rmtree(LOGS, ignore_errors=True)
    try:
        stack.compose("build", "--quiet", seconds=900)
        stack.up()
        yield stack
    finally:
        stack.down(volumes=True)


@pytest.fixture(scope="session")
def platform(stack: Stack, keys: Secrets, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    ports = stack.ports
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "e2e")
        patch.setenv("AWS_SECRET_ACCESS_KEY", keys.lake_key)
        yield Platform(
            stack=stack,
            prefect=PrefectApi(f"http://127.0.0.1:{ports.prefect}/api"),
            shop=Shop(
                owner_dsn=dsn(ports.postgres, OWNER_ROLE, keys.owner, "shop"),
                ingest_dsn=dsn(ports.postgres, INGEST_ROLE, keys.ingest, "shop"),
            ),
            provider=Provider(f"http://127.0.0.1:{ports.saas}", keys.api_key, keys.admin_key),
            alerts=Alerts(f"http://127.0.0.1:{ports.alerts}"),
            lake=LakeSettings(endpoint_url=f"http://127.0.0.1:{ports.lake}"),
            folder=tmp_path_factory.mktemp("e2e"),
        )


@pytest.fixture(scope="session")
def ui(platform: Platform) -> Ui:
    _require(browser_problem())
    return Ui(f"http://localhost:{platform.stack.ports.prefect}")


@pytest.fixture(scope="session")
def analysts(platform: Platform) -> Ui:
    _require(browser_problem())
    return Ui(f"http://localhost:{platform.stack.ports.analytics}")


@pytest.fixture
def monitor(platform: Platform, tmp_path: Path) -> Iterator[Monitor]:
    _require(prometheus_problem())
    with watching(platform.stack.ports.metrics, tmp_path / "prometheus") as monitor:
        yield monitor


def _require(problem: str | None) -> None:
    """Skip if there is a problem. A CI job for these tests must not skip them."""
    if problem is not None and os.environ.get("GITHUB_ACTIONS"):
        pytest.fail(problem)
    if problem is not None:
        pytest.skip(problem)

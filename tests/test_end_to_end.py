"""The whole line, as a user runs it: the marts equal what the sources say, recomputed here by other code.

A full load; then the shop and the provider live on; then a run that is killed half-way; then one that is not.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings
from local.processes import ProcessGroup
from local.run_directory import RunDirectory
from local.servers.saas_server import SaasServer, start_saas
from local.servers.shop import Shop
from orchestration.business_time import as_variable
from tests.conftest import BUSINESS_NOW, small_provider
from tests.marts import assert_marts_equal_sources, landed_events
from tests.personal_data import traces

SALT = "the-salt-of-the-whole-line"
REPOSITORY = Path(__file__).parents[1]
DATABASE = "DP_MAILBLAZE_DEMO_DEV_DB"
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Platform:
    """The flow's environment, and the sources behind it."""

    shop: Shop
    provider: SaasServer
    lake: LakeSettings
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "POSTGRES_DSN": self.shop.ingest_dsn,
            "SAAS_BASE_URL": self.provider.base_url,
            "SAAS_API_KEY": self.provider.api_key,
            "RAW_BUCKET": self.lake.bucket,
            "AWS_ENDPOINT_URL": self.lake.endpoint_url or "",
            "AWS_REGION": self.lake.region,
            "WAREHOUSE_DIR": str(self.folder / "warehouse"),
            "RUNS_DIR": str(self.folder / "runs"),
            "PREFECT_HOME": str(self.folder / "prefect"),
            "EMAIL_SALT": SALT,
            # What happens here ends before: no fact lies in the future of the run.
            **as_variable(BUSINESS_NOW + 3 * ONE_DAY),
        }

    def start_flow(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "orchestration/prefect/flow.py"],
            cwd=REPOSITORY,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run_flow(self) -> str:
        output, _ = (process := self.start_flow()).communicate()
        assert process.returncode == 0, output
        return output

    def kill_flow_after(self, words: str) -> None:
        """Start the flow, and kill it with all its children when it has printed `words`."""
        process = self.start_flow()
        assert process.stdout is not None
        seen = []
        for line in process.stdout:
            seen.append(line)
            if words in line:
                os.killpg(process.pid, signal.SIGKILL)
                break
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL, "".join(seen)

    def mart(self, query: str) -> list[tuple[Any, ...]]:
        """Query the published marts."""
        with duckdb.connect(str(self.published_file), read_only=True) as connection:
            return connection.execute(query).fetchall()

    @property
    def published_file(self) -> Path:
        """The file that readers open."""
        return self.folder / "warehouse" / "published" / f"{DATABASE}.duckdb"

    def source(self, query: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self.shop.owner_dsn)) as connection, connection.cursor() as cursor:
            cursor.execute("set timezone to 'UTC'")
            cursor.execute(query)
            return cursor.fetchall()

    def events(self) -> list[dict[str, Any]]:
        return landed_events(ObjectStore(self.lake), self.provider.base_url, self.provider.api_key)


@pytest.fixture(scope="module")
def provider(processes: ProcessGroup, run_directory: RunDirectory, stack_logs: Path) -> SaasServer:
    """The provider. Its clock begins half a day before the shop's, so that its messages precede orders."""
    options = replace(small_provider(), events_per_day=2_000)
    return start_saas(processes, options, run_directory.path, stack_logs).ready()


@pytest.fixture
def platform(shop_database: Shop, provider: SaasServer, lake_settings: LakeSettings, tmp_path: Path) -> Platform:
    return Platform(shop_database, provider, lake_settings, tmp_path)


def files_that_hold(platform: Platform) -> list[Path]:
    """Return files of warehouse, runs and Prefect with a secret, after whole runs and a killed one."""
    password = parse_dsn(platform.shop.ingest_dsn)["password"]
    secrets = [text.encode() for text in (SALT, password, platform.provider.api_key)]
    files = [path for path in platform.folder.rglob("*") if path.is_file()]
    assert len(files) > 100
    return [path for path in files if any(secret in path.read_bytes() for secret in secrets)]


@pytest.mark.slow
def test_marts_equal_the_sources_after_a_full_load_a_busy_day_and_a_killed_run(platform: Platform) -> None:
    first = platform.run_flow()
    assert_marts_equal_sources(platform, salt=SALT)
    published = platform.mart("select count(*) from MART.fct_order_lines")

    platform.shop.advance(business_now=BUSINESS_NOW, span=3 * ONE_DAY, seed=7)
    platform.provider.advance_clock(ONE_DAY)
    platform.kill_flow_after("int_orders")
    assert platform.mart("select count(*) from MART.fct_order_lines") == published, "readers saw half a run"

    second = platform.run_flow()
    assert_marts_equal_sources(platform, salt=SALT)
    assert platform.mart("select count(*) from MART.fct_order_lines") > published
    people = [text for row in platform.source("select email, full_name from customers") for text in row]
    assert traces(platform.published_file, people) == []
    assert files_that_hold(platform) == []
    for output in (first, second):
        assert "Traceback" not in output
        assert "Warning" not in output

"""The embedded stack for all tests: one per xdist worker, each part started when the first test asks for it.

    postgres_server    a cluster; `admin_dsn` is its superuser's
    empty_database     an empty database: the superuser's DSN
    shop_database      a fresh copy of a small seeded shop: the DSNs of its owner and of ingest
    seeded             what that shop holds, by table
    s3_server, bucket  an S3 endpoint, and a fresh bucket on it
    lake_settings      the settings by which the lake finds that bucket
    mock_saas_server   the e-mail provider, shared: do not move its clock or switch faults on
    make_mock_saas     providers of one's own, stopped after the test
    ingest_settings    all of these together
    source_world       an empty database, an empty lake, and settings that join them

Databases, buckets and providers of a test are its own; the cluster and the endpoint are shared by a worker's tests.
The shop's roles belong to the cluster: make further shops with `shop_passwords`, or the DSNs of others stop working.
"""

from __future__ import annotations

import gc
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import httpx._transports.default as transports
import psycopg2
import pytest
from hypothesis import settings as hypothesis_settings
from psycopg2 import sql
from pydantic import SecretStr

from common.foreign_text import forget_secrets
from ingest.lake.objects.store import ObjectStore
from ingest.settings import IngestSettings, LakeSettings
from local.accounts import unprivileged_account
from local.environment import clean_environment
from local.processes import ProcessGroup, process_group
from local.run_directory import RunDirectory, open_run_directory
from local.servers.postgres_binaries import find_binaries
from local.servers.postgres_server import SUPERUSER, PostgresServer, dsn, start_postgres
from local.servers.s3_server import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, S3Server, start_s3
from local.servers.saas_server import SaasOptions, SaasServer, start_saas
from local.servers.shop import Shop, ShopPasswords, make_shop, shop_of
from local.settings import LocalSettings
from orchestration.runtime.certificates import read_certificates_once
from postgres.seed import SeedReport
from postgres.setup import INGEST_ROLE, OWNER_ROLE
from tests.chaos.line import Ground
from tests.empty_databases import EmptyDatabases
from tests.ingest.run.world import World
from tests.slow_modules import pytest_deselected, pytest_ignore_collect
from tests.together import pytest_xdist_make_scheduler

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

__all__ = ["pytest_deselected", "pytest_ignore_collect", "pytest_xdist_make_scheduler"]

gc.disable()  # until all tests are imported

# Prefect imports these at the first look at them, which takes seconds, and Hypothesis looks at every module. No test of
# ours runs a flow on Kubernetes or in Prefect's own Docker blocks.
sys.modules |= {name: ModuleType(name) for name in ("docker", "kubernetes")}

# How long an example takes depends on the machine, and is not what is tested.
hypothesis_settings.register_profile("platform", deadline=None)
hypothesis_settings.load_profile("platform")

SHOP_SCALE = 0.02
"""10 products, 100 customers, 400 orders."""
BUSINESS_NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
_TEMPLATE = "shop_template"

MakeMockSaas = Callable[[SaasOptions], SaasServer]


def pytest_collection_finish() -> None:
    """Freeze the objects of all imported tests, so that the garbage collector never scans them again."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _own_secrets() -> Iterator[None]:
    """Forget the secrets of each test, so that they do not affect another test's messages."""
    yield
    forget_secrets()


@pytest.fixture(scope="session", autouse=True)
def _certificates_are_read_once() -> Iterator[None]:
    """Read the authorities' certificates once: httpx reads them for each client, which takes 25 ms of a core."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transports, "create_ssl_context", transports.create_ssl_context)  # what is put back at the end
        read_certificates_once()
        yield


@dataclass(frozen=True)
class Bucket:
    """A bucket on the endpoint."""

    name: str
    server: S3Server

    @property
    def client(self) -> S3Client:
        return self.server.client()


@pytest.fixture(scope="session", autouse=True)
def _no_accounts_of_the_user() -> Iterator[None]:
    """Hide endpoints and accounts of the user, and set the credentials of our endpoint."""
    with pytest.MonkeyPatch.context() as patch:
        cleaned = clean_environment(
            {
                "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
                "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            }
        )
        for name in set(os.environ) - set(cleaned):
            if name != "POSTGRES_BIN" and not name.startswith("PYTEST_"):
                patch.delenv(name)
        for name, value in cleaned.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def run_directory() -> Iterator[RunDirectory]:
    with open_run_directory() as directory:
        yield directory


@pytest.fixture(scope="session")
def stack_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stack_logs")


@pytest.fixture(scope="session")
def processes(run_directory: RunDirectory) -> Iterator[ProcessGroup]:
    with process_group(run_directory.lock) as group:
        yield group


@pytest.fixture(scope="session")
def postgres_server(processes: ProcessGroup, run_directory: RunDirectory, stack_logs: Path) -> PostgresServer:
    account = unprivileged_account()
    binaries = find_binaries(LocalSettings().postgres_bin, account)
    return start_postgres(processes, binaries, account, run_directory.path, stack_logs)


@pytest.fixture(scope="session")
def empty_databases(postgres_server: PostgresServer) -> EmptyDatabases:
    return EmptyDatabases(postgres_server)


@pytest.fixture
def empty_database(postgres_server: PostgresServer, empty_databases: EmptyDatabases) -> Iterator[str]:
    name = empty_databases.take()
    try:
        yield dsn(postgres_server.port, SUPERUSER, postgres_server.password, name)
    finally:
        empty_databases.give_back(name)


@pytest.fixture
def source_world(empty_database: str, lake_settings: LakeSettings) -> Iterator[World]:
    """An empty database, an empty lake, and settings that join them."""
    settings = IngestSettings(
        postgres_dsn=SecretStr(empty_database),
        saas_api_key=SecretStr("key"),
        horizon_margin_seconds=0,
        lake=lake_settings,
    )
    with closing(psycopg2.connect(empty_database)) as connection:
        connection.autocommit = True
        yield World(settings, connection, ObjectStore(lake_settings))


@pytest.fixture(scope="module")
def module_database(postgres_server: PostgresServer) -> Iterator[psycopg2.extensions.connection]:
    """A session in an empty database, for the tests of one module: each leaves it as it needs it."""
    name = f"module_{uuid.uuid4().hex[:12]}"
    with (
        _database(postgres_server, sql.SQL("create database {}").format(sql.Identifier(name)), name),
        closing(psycopg2.connect(postgres_server.admin_dsn, dbname=name)) as connection,
    ):
        connection.autocommit = True
        yield connection


@pytest.fixture(scope="session")
def shop_passwords() -> ShopPasswords:
    return ShopPasswords.generate()


@pytest.fixture(scope="session")
def seeded(postgres_server: PostgresServer, shop_passwords: ShopPasswords) -> SeedReport:
    """Make the template that `shop_database` copies."""
    shop = make_shop(postgres_server, shop_passwords, _TEMPLATE)
    return shop.seed(business_now=BUSINESS_NOW, scale=SHOP_SCALE, seed=1)


@pytest.fixture
def shop_database(postgres_server: PostgresServer, shop_passwords: ShopPasswords, seeded: SeedReport) -> Iterator[Shop]:
    name = f"shop_{uuid.uuid4().hex[:12]}"
    create = sql.SQL("create database {} template {} owner {}").format(
        sql.Identifier(name), sql.Identifier(_TEMPLATE), sql.Identifier(OWNER_ROLE)
    )
    # A copy has its template's objects with their privileges, but not the privileges on the database itself.
    privileges = sql.SQL("revoke all on database {0} from public; grant connect on database {0} to {1}").format(
        sql.Identifier(name), sql.Identifier(INGEST_ROLE)
    )
    with _database(postgres_server, create, name, privileges):
        yield shop_of(postgres_server, shop_passwords, name)


@contextmanager
def _database(
    server: PostgresServer, create: sql.Composed, name: str, then: sql.Composed | None = None
) -> Iterator[None]:
    with closing(psycopg2.connect(server.admin_dsn)) as admin:
        admin.autocommit = True
        with admin.cursor() as cursor:
            cursor.execute(create)
            if then is not None:
                cursor.execute(then)
            try:
                yield
            finally:
                cursor.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def s3_server(processes: ProcessGroup, run_directory: RunDirectory, stack_logs: Path) -> S3Server:
    return start_s3(processes, run_directory.path, stack_logs).ready()


@pytest.fixture
def bucket(s3_server: S3Server) -> Bucket:
    bucket = Bucket(f"lake-{uuid.uuid4().hex[:12]}", s3_server)
    s3_server.create_bucket(bucket.name)
    return bucket


@pytest.fixture
def lake_settings(bucket: Bucket) -> LakeSettings:
    return LakeSettings(bucket=bucket.name, endpoint_url=bucket.server.endpoint_url, region=REGION)


@pytest.fixture(scope="session")
def mock_saas_server(processes: ProcessGroup, run_directory: RunDirectory, stack_logs: Path) -> SaasServer:
    return start_saas(processes, small_provider(), run_directory.path, stack_logs).ready()


@pytest.fixture
def make_mock_saas(run_directory: RunDirectory, tmp_path: Path) -> Iterator[MakeMockSaas]:
    with process_group(run_directory.lock) as group:
        yield lambda options: start_saas(group, options, run_directory.path, tmp_path).ready()


def small_provider(*, later: timedelta = timedelta(0)) -> SaasOptions:
    """Return options for three days of about 100 records, sent to the small shop's customers about its products.

    They end at the shop's present, or `later`, and the provider's clock runs on from there: the history is the same on
    every date.
    """
    now = BUSINESS_NOW + later
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return SaasOptions(
        epoch=midnight - timedelta(days=3),
        clock_offset=now - datetime.now(UTC),
        events_per_day=100,
        recipients=96,
        skus=10,
    )


@pytest.fixture
def ingest_settings(shop_database: Shop, lake_settings: LakeSettings, mock_saas_server: SaasServer) -> IngestSettings:
    return IngestSettings(
        environment="dev",
        postgres_dsn=SecretStr(shop_database.ingest_dsn),
        saas_base_url=mock_saas_server.base_url,
        saas_api_key=SecretStr(mock_saas_server.api_key),
        lake=lake_settings,
    )


@pytest.fixture(scope="session")
def ground(
    postgres_server: PostgresServer,
    s3_server: S3Server,
    mock_saas_server: SaasServer,
    shop_passwords: ShopPasswords,
    tmp_path_factory: pytest.TempPathFactory,
) -> Ground:
    """The ground of fault campaigns: the servers that all tests share."""
    folder = tmp_path_factory.mktemp("chaos")
    # Under xdist the parent of a worker's own folder belongs to all of them.
    shared = folder.parent.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    return Ground(postgres_server, s3_server, mock_saas_server, shop_passwords, folder, dbt=shared / "chaos-dbt")

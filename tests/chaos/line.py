"""The surroundings of one campaign: a shop, a provider, a lake and a warehouse, and functions that run ingest and
loads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from pydantic import SecretStr

from ingest.contracts.model import StreamContract
from ingest.lake.objects.store import ObjectStore
from ingest.run.context import StreamResult
from ingest.run.runner import open_ingestion
from ingest.settings import IngestSettings, LakeSettings
from local.servers.postgres_server import PostgresServer
from local.servers.s3_server import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, S3Server
from local.servers.saas_server import SaasServer
from local.servers.shop import Shop, ShopPasswords, make_shop, shop_of
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from orchestration.warehouse.loader import Loader, LoadResult, load_streams
from postgres.setup import INGEST_ROLE, OWNER_ROLE
from tests.chaos.comparison.judge import Judge, Judgement
from tests.chaos.comparison.warehouse_side import DATABASE

BUSINESS_NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Line:
    """Settings that join one source with one lake, and the directory of the warehouse behind it."""

    shop: Shop
    settings: IngestSettings
    warehouse: Path
    scratch: Path = field(repr=False)

    @cached_property
    def store(self) -> ObjectStore:
        """The lake."""
        return ObjectStore(self.settings.lake)

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """Yield a connection of the shop's owner, each statement a transaction of its own."""
        with closing(psycopg2.connect(self.shop.owner_dsn)) as connection:
            connection.autocommit = True
            yield connection

    def ingest(
        self, contracts: Sequence[StreamContract], *, keys: bool = True, settings: IngestSettings | None = None
    ) -> list[StreamResult]:
        """Do one run over `contracts`, in this process, one stream after the other."""
        with open_ingestion(settings or self.settings, contracts, "campaign", store=self.store) as run:
            return [run.ingest(contract.stream, keys=keys, count=False) for contract in contracts]

    def load(self, contracts: Sequence[StreamContract]) -> list[LoadResult]:
        """Load new versions of `contracts`, in this process. Raises the first stream's PlatformError."""
        warehouse = DuckDBWarehouse(self.warehouse, DATABASE, self.settings.lake)
        loader = Loader(self.store, "RAW", run_id="campaign")
        with warehouse.lock("campaign", wait=timedelta(seconds=30)), warehouse.connect() as session:
            outcomes = load_streams(loader, session, contracts, concurrency=2)
        for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
        return [outcome.result for outcome in outcomes if outcome.result is not None]

    def judge(
        self,
        contracts: Sequence[StreamContract],
        *,
        staging: bool = True,
        landed_once: bool = True,
        objects_read: Sequence[str] | None = None,
    ) -> Judgement:
        """Return the judgement on `contracts`."""
        judge = Judge(self.settings, self.store, self.warehouse, self.scratch, staging=staging)
        return judge.judge(contracts, landed_once=landed_once, objects_read=objects_read)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that commands need to use this line. It holds secrets."""
        return {
            "ENVIRONMENT": "dev",
            "POSTGRES_DSN": self.shop.ingest_dsn,
            "SAAS_BASE_URL": self.settings.saas_base_url,
            "SAAS_API_KEY": self.settings.saas_api_key.get_secret_value(),
            "RAW_BUCKET": self.settings.lake.bucket,
            "AWS_ENDPOINT_URL": self.settings.lake.endpoint_url or "",
            "AWS_REGION": self.settings.lake.region,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "HORIZON_MARGIN_SECONDS": str(self.settings.horizon_margin_seconds),
            "WAREHOUSE_DIR": str(self.warehouse),
            "LOG_FORMAT": "json",
        }


@dataclass(frozen=True)
class Ground:
    """Running servers for lines. `folder` is for warehouses and dbt's files.

    `dbt` is the folder of dbt's own files, by default in `folder`; several processes may share it. `clock_may_move`
    says whether only we use the provider, so that its time may be advanced.
    """

    postgres: PostgresServer
    s3: S3Server
    saas: SaasServer
    passwords: ShopPasswords
    folder: Path
    clock_may_move: bool = False
    dbt: Path | None = None
    _templates: set[str] = field(default_factory=set)

    @contextmanager
    def line(self, name: str, *, scale: float = 0.02, margin_seconds: float = 0.0) -> Iterator[Line]:
        """Yield a seeded shop and an empty lake of the campaign `name`; the shop is dropped at the end."""
        database = f"chaos_{name}"
        bucket = f"chaos-{name.replace('_', '-')}"
        self.s3.create_bucket(bucket)
        template = self._template(scale)
        self._administer(
            sql.SQL("create database {0} template {1} owner {2}").format(
                *map(sql.Identifier, (database, template, OWNER_ROLE))
            ),
            # A copy has its template's objects with their privileges, but not the privileges on the database itself.
            sql.SQL("revoke all on database {0} from public; grant connect on database {0} to {1}").format(
                sql.Identifier(database), sql.Identifier(INGEST_ROLE)
            ),
        )
        try:
            shop = shop_of(self.postgres, self.passwords, database)
            settings = IngestSettings(
                environment="dev",
                postgres_dsn=SecretStr(shop.ingest_dsn),
                saas_base_url=self.saas.base_url,
                saas_api_key=SecretStr(self.saas.api_key),
                horizon_margin_seconds=margin_seconds,
                lake=LakeSettings(bucket=bucket, endpoint_url=self.s3.endpoint_url, region=REGION),
            )
            yield Line(shop, settings, self.folder / name, self.dbt or self.folder / "dbt")
        finally:
            self._administer(sql.SQL("drop database {} with (force)").format(sql.Identifier(database)))

    def _template(self, scale: float) -> str:
        """Return a seeded shop of this scale that lines copy, because seeding takes longer than most
        campaigns' tests.
        """
        name = f"chaos_shop_{scale:g}"
        if name not in self._templates:
            shop = make_shop(self.postgres, self.passwords, name)
            shop.seed(business_now=BUSINESS_NOW, scale=scale, seed=1)
            self._templates.add(name)
        return name

    def _administer(self, *statements: sql.Composable) -> None:
        with closing(psycopg2.connect(self.postgres.admin_dsn)) as admin, admin.cursor() as cursor:
            admin.autocommit = True
            for statement in statements:
                cursor.execute(statement)

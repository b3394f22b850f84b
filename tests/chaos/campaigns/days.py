"""Campaign `days`: the provider's history is landed and reconciled at any moment of the years 2024 to 2040.

Each day has a provider of its own, in this process, whose time stands there; streams of its own; and two runs, the
second half a day after the first. Some are judged row by row; and some are run from source to mart, by the demo.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from pydantic import SecretStr

from ingest import logs
from ingest.contracts.model import StreamContract
from ingest.contracts.registry import ContractRegistry
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.run.context import StreamResult
from ingest.run.runner import open_ingestion
from ingest.settings import IngestSettings, LakeSettings
from local.environment import clean_environment
from mock_saas.api.app import create_app
from mock_saas.api.server import listen, make_server
from mock_saas.clock import ProviderClock
from mock_saas.settings import Settings
from orchestration.business_time import as_variable
from orchestration.reconcile.lake import LakeCounter
from tests.chaos.campaign import Order, Report
from tests.chaos.campaigns.calendar import Day, days
from tests.chaos.comparison.judge import Judge
from tests.chaos.line import Ground

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

NAME = "days"
FULL = 1_010
_BUILT = 4
"""Days of the full size that dbt builds, each in a demo. At a small size there is none: `.ci/readme` has one."""
_JUDGED = 20
"""One day in so many is judged row by row."""
_CAMPAIGNS = 5
"""One day in so many lands the campaigns, too."""
_HALF_A_DAY = timedelta(hours=12)
_KEY = "key-of-the-campaign"
_WORKERS = 2
_SHARE = 10
"""Days that a worker is given at once."""


@cache
def _contracts() -> ContractRegistry:
    return ContractRegistry.load()


@dataclass(frozen=True)
class Place:
    """The lake that the days are landed in; picklable, for the workers. Each day's streams have names of their own."""

    lake: LakeSettings
    seed: int


@dataclass(frozen=True)
class Round:
    """The result of some days."""

    days: int
    rows: int
    refused: int
    findings: tuple[str, ...]


def run(ground: Ground, order: Order) -> Report:
    """Land and reconcile every day, in two processes where there are many; then the demos."""
    report = Report(NAME, order, wanted=order.size(FULL, least=12))
    chance = order.chance(NAME)
    chosen = days(report.wanted, chance)
    ground.s3.create_bucket(f"chaos-{NAME}")
    lake = LakeSettings(
        bucket=f"chaos-{NAME}", endpoint_url=ground.s3.endpoint_url, region=ground.s3.environment["AWS_REGION"]
    )
    place = Place(lake, order.seed)
    shares = [chosen[first : first + _SHARE] for first in range(0, len(chosen), _SHARE)]
    rows = refused = 0
    for done in _rounds(place, order, shares):
        report.done += done.days
        report.findings += done.findings
        rows, refused = rows + done.rows, refused + done.refused
    with ThreadPoolExecutor(_WORKERS) as pool:
        to_build = chance.sample(chosen, order.size(_BUILT, least=0))
        complaints = list(pool.map(partial(_complaint_of_demo, folder=ground.folder), range(len(to_build)), to_build))
    report.findings += filter(None, complaints)
    report.figures |= {
        "days": f"{report.done}, such as {', '.join(map(str, chance.sample(chosen, 3)))}",
        "records": f"{rows}, and {refused} refused",
        "built by dbt": ", ".join(str(day) for day, found in zip(to_build, complaints, strict=True) if not found),
    }
    return report


def _rounds(place: Place, order: Order, shares: Sequence[Sequence[Day]]) -> Iterator[Round]:
    if len(shares) < _WORKERS:
        for number in order.rounds(len(shares)):
            yield land_days(place, number * _SHARE, shares[number])
        return
    quiet = partial(logs.configure, "auto", level=logging.CRITICAL)
    with ProcessPoolExecutor(_WORKERS, mp_context=get_context("spawn"), initializer=quiet) as pool:
        pending = []
        for number in order.rounds(len(shares)):
            pending.append(pool.submit(land_days, place, number * _SHARE, shares[number]))
            if len(pending) > _WORKERS:
                yield pending.pop(0).result()
        for future in pending:
            yield future.result()


def land_days(place: Place, first: int, chosen: Sequence[Day]) -> Round:
    """Land each day, whose number counts from `first`, and compare what the provider, the lake and quarantine hold."""
    rows = refused = 0
    findings: list[str] = []
    store = ObjectStore(place.lake)
    with _provider() as provider:
        for number, day in enumerate(chosen, first):
            try:
                with _zone(day.zone):
                    landed = _Landing(place, store, provider, number, day).land()
            except Exception as error:
                findings.append(f"{day}: {type(error).__name__}: {error}")
                continue
            rows, refused = rows + landed.rows, refused + landed.refused
            findings += [f"{day}: {finding}" for finding in landed.findings]
    return Round(len(chosen), rows, refused, tuple(findings))


@dataclass
class _Provider:
    """A server in this process, and a provider behind it that is replaced for each day."""

    base_url: str
    app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        assert self.app is not None, "a request came before there was a provider"
        await self.app(scope, receive, send)


@contextmanager
def _provider() -> Iterator[_Provider]:
    listener = listen("127.0.0.1", 0)
    provider = _Provider(f"http://127.0.0.1:{listener.getsockname()[1]}")
    server = make_server(provider)  # type: ignore[arg-type] - any ASGI application will do
    thread = Thread(target=lambda: server.run(sockets=[listener]), name="provider")
    thread.start()
    try:
        yield provider
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def _zone(name: str) -> Iterator[None]:
    """Run the block in the time zone."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = name
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


@dataclass
class _Landing:
    """One day: two runs, and the findings afterwards."""

    place: Place
    store: ObjectStore
    provider: _Provider
    number: int
    day: Day
    rows: int = 0
    refused: int = 0
    findings: list[str] = field(default_factory=list)

    def land(self) -> _Landing:
        clock = self._start_provider()
        settings = IngestSettings(
            environment="dev",
            postgres_dsn=SecretStr("postgresql://nobody@127.0.0.1:1/nothing"),
            saas_base_url=self.provider.base_url,
            saas_api_key=SecretStr(_KEY),
            lake=self.place.lake,
        )
        streams = ["email_events", *(["campaigns"] if self.number % _CAMPAIGNS == 0 else [])]
        contracts = [self._own(contract) for contract in _contracts().select(streams)]
        self._run(settings, contracts, count=False)
        clock.advance(_HALF_A_DAY.total_seconds())
        for result in self._run(settings, contracts, count=True):
            self._reconcile(result, next(contract for contract in contracts if contract.stream == result.stream))
        if self.number % _JUDGED == 0:
            self.findings += Judge(settings, self.store).judge(contracts).findings
        return self

    def _start_provider(self) -> ProviderClock:
        begin = self.day.moment - _HALF_A_DAY
        world = Settings(
            environment="dev",
            api_key=SecretStr(_KEY),
            business_now=begin,
            epoch=begin - timedelta(days=1),
            seed=self.place.seed + self.number,
            events_per_day=800,
            recipients=100,
            skus=10,
            rate_limit_per_second=0,
        )
        clock = ProviderClock.of(world.business_now, 0)
        self.provider.app = create_app(world, clock)
        return clock

    def _own(self, contract: StreamContract) -> StreamContract:
        return replace(contract, stream=f"{contract.stream}_{self.number}")

    def _run(self, settings: IngestSettings, contracts: Sequence[StreamContract], *, count: bool) -> list[StreamResult]:
        with open_ingestion(settings, contracts, f"day-{self.number}", store=self.store) as opened:
            return [opened.ingest(contract.stream, count=count) for contract in contracts]

    def _reconcile(self, result: StreamResult, contract: StreamContract) -> None:
        head = CommitLog(self.store, contract.stream).head()
        assert head is not None
        assert result.source_count is not None
        lake = LakeCounter(self.store).count(contract, head.version, result.source_count.in_flight)
        self.rows, self.refused = self.rows + lake.current, self.refused + lake.refused
        if result.source_count.rows - lake.refused != lake.current:
            self.findings.append(
                f"{contract.stream}: the source has {result.source_count.rows} rows less {lake.refused} refused, "
                f"the lake {lake.current}"
            )


def _complaint_of_demo(number: int, day: Day, folder: Path) -> str | None:
    """Run the demo on that day, with all streams, through dbt, to the marts. Return its failure as a finding."""
    state = folder / f"{NAME}-demo-{number}"
    environment = clean_environment({**as_variable(day.moment), "LOCAL_STATE": str(state), "TZ": day.zone})
    done = subprocess.run(
        [sys.executable, "-m", "local", "demo", "--scale", "0.02"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return None
    last = " ".join(f"{done.stdout}\n{done.stderr}".strip().splitlines()[-6:])
    return f"{day}: the demo ended with {done.returncode}: {last}"

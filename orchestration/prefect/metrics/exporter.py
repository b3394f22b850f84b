"""The server of `/metrics`, and the continuous reading of its values, beside the agent.

Sources are read one after another, each within a time limit. A source is read in a thread; if the read hangs, no second
one starts until it returns. Every failure is logged once and shown as a metric, and ends nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from prefect.client.orchestration import PrefectClient
from prefect.logging import get_logger
from prometheus_client import CollectorRegistry, start_http_server

from ingest.contracts.model import StreamContract
from ingest.contracts.registry import ContractRegistry
from ingest.errors import first_line
from ingest.lake.objects.store import ObjectStore
from orchestration.prefect.metrics.families import Families
from orchestration.prefect.metrics.figures import Figures, Origin
from orchestration.prefect.metrics.gather import LakeReader, count_runs, latest_of
from orchestration.runtime.health import heartbeat_file
from orchestration.settings import OrchestrationSettings

_LONGEST_READ_SECONDS = 30.0

_logger = get_logger("metrics")


async def show_metrics(client: PrefectClient, settings: OrchestrationSettings, agent: str) -> None:
    """Serve the metrics of `agent` for ever, beside the agent. With METRICS_PORT=0 it does nothing."""
    if not settings.metrics_port:
        return
    figures = Figures()
    if not _serve(figures, settings, agent):
        return
    await Reading(figures, client, settings).go_on(settings.metrics_refresh_seconds)


def _serve(figures: Figures, settings: OrchestrationSettings, agent: str) -> bool:
    registry = CollectorRegistry()
    registry.register(Families(figures, heartbeat_file(agent)))
    host, port = settings.metrics_host, settings.metrics_port
    try:
        start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        _logger.warning(
            "no metrics at %s:%d: %s (METRICS_PORT names another port)", host, port, error.strerror or error
        )
        return False
    _logger.info("metrics are at http://%s:%d/metrics", host, port)
    return True


class Reading:
    """A loop that reads every source repeatedly into `figures`."""

    def __init__(self, figures: Figures, client: PrefectClient, settings: OrchestrationSettings) -> None:
        self._figures = figures
        self._client = client
        self._settings = settings
        self._sources: _Sources | None = None
        # A separate thread pool, so that a read that hangs takes no thread from other work of the agent.
        self._threads = ThreadPoolExecutor(max_workers=len(Origin), thread_name_prefix="metrics")
        self._in_thread: dict[Origin, asyncio.Future[None]] = {}

    async def go_on(self, pause_seconds: float) -> None:
        """Read all sources, pause, and repeat."""
        while True:
            await self.read_all()
            await asyncio.sleep(pause_seconds)

    async def read_all(self) -> None:
        """Read each source once."""
        await self._read(Origin.PREFECT, self._runs)
        await self._read(Origin.LAKE, lambda: self._threaded(Origin.LAKE, self._read_lake))
        await self._read(Origin.RECORD, lambda: self._threaded(Origin.RECORD, self._read_latest))

    async def _read(self, origin: Origin, read: Callable[[], Awaitable[None]]) -> None:
        was_read = self._figures.is_read.get(origin, True)
        try:
            async with asyncio.timeout(_LONGEST_READ_SECONDS):
                await read()
        except Exception as error:  # any error: a fault in monitoring must not end the agent, whose tasks end together
            if was_read:
                reason = first_line(error) or type(error).__name__
                _logger.warning("no metrics of %s for now: %s", origin, reason)
            self._figures.is_read[origin] = False
            return
        self._figures.is_read[origin] = True
        self._figures.read_at[origin] = datetime.now(UTC)

    async def _runs(self) -> None:
        self._figures.runs = await count_runs(self._client)

    async def _threaded(self, origin: Origin, read: Callable[[], None]) -> None:
        """Read a source in a thread, at most once at a time: a read that hangs is awaited, and not started again."""
        reading = self._in_thread.get(origin)
        if reading is None or reading.done():
            reading = asyncio.get_running_loop().run_in_executor(self._threads, read)
            reading.add_done_callback(lambda done: done.cancelled() or done.exception())  # also if nobody awaits it
            self._in_thread[origin] = reading
        await asyncio.shield(reading)

    def _opened(self) -> _Sources:
        if self._sources is None:
            self._sources = _Sources.of(self._settings)
        return self._sources

    def _read_lake(self) -> None:
        self._figures.lake = self._opened().lake.read()

    def _read_latest(self) -> None:
        opened = self._opened()
        self._figures.latest = latest_of(opened.store, opened.contracts)


@dataclass(frozen=True)
class _Sources:
    """The sources that are read in threads."""

    store: ObjectStore
    contracts: Sequence[StreamContract]
    lake: LakeReader

    @classmethod
    def of(cls, settings: OrchestrationSettings) -> _Sources:
        store = ObjectStore(settings.lake)
        contracts = tuple(ContractRegistry.load(settings.contracts_dir).values())
        return cls(store, contracts, LakeReader(store, contracts, settings))

"""Completes the records of killed runs, as crashed, beside an agent, by their state in Prefect.

A run that is in a final state, and whose mark is still in the lake, has not written its record. If the warehouse is
free its rows are imported at once, otherwise the next run imports them.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_logger

from ingest.contracts.registry import ContractRegistry
from ingest.errors import ConflictError
from ingest.lake.objects.store import ObjectStore
from orchestration.ops.crashed import complete
from orchestration.ops.intake import take_in
from orchestration.ops.outbox import Outbox
from orchestration.ops.running import RunningMark, RunningMarks
from orchestration.settings import OrchestrationSettings
from orchestration.warehouse.connect import open_warehouse

_LOOK_SECONDS = 30.0
_WRITER = "the janitor"

_logger = get_logger("janitor")


async def keep_records(client: PrefectClient, settings: OrchestrationSettings) -> None:
    """Complete the records of killed runs for ever, beside an agent."""
    away = False
    store: ObjectStore | None = None
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            store = store or ObjectStore(settings.lake)
            for run_id in await complete_records(client, settings, store):
                _logger.warning("the run %s was killed: it is recorded as crashed", run_id)
        except httpx.HTTPError as error:
            # The agent logs that the server is unavailable.
            _logger.debug("cannot complete the records of killed runs: %s", error)
        except Exception as error:
            # Any error, because the agent must go on. The next look repeats the work.
            if not away:
                _logger.warning("cannot complete the records of killed runs, trying on: %s", error)
            away = True
        else:
            away = False


async def complete_records(client: PrefectClient, settings: OrchestrationSettings, store: ObjectStore) -> list[str]:
    """Look once. Return the runs whose record was missing. Raises errors of lake, warehouse or API."""
    marks = await asyncio.to_thread(RunningMarks(store).all)
    lost = [mark for mark in marks if await _is_lost(client, mark)]
    if not lost:
        return []
    registry = ContractRegistry.load(settings.contracts_dir)
    completed = [mark.run_id for mark in lost if await asyncio.to_thread(complete, store, registry, mark)]
    await asyncio.to_thread(partial(_take_in, store, settings))
    return completed


async def _is_lost(client: PrefectClient, mark: RunningMark) -> bool:
    """Return whether the run has ended without removing its mark.

    If this server does not know it, its process decides.
    """
    try:
        run = await client.read_flow_run(UUID(mark.run_id))
    except (ObjectNotFound, ValueError):
        return mark.is_gone
    return run.state is not None and run.state.is_final()


def _take_in(store: ObjectStore, settings: OrchestrationSettings) -> None:
    """Import waiting records, unless another process is writing the warehouse."""
    warehouse = open_warehouse(settings, run_id=_WRITER, wait=timedelta(0))
    try:
        with warehouse.lock(_WRITER, wait=timedelta(0)):
            take_in(Outbox(store), warehouse, settings.schemas.mart, keep=settings.ops_keep)
    except ConflictError:
        _logger.debug("another run writes the warehouse, and imports the records at its end")

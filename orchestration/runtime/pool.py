"""The work pool and its queues. The first agent, or the registration of the deployments, creates them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import WorkPool
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from ingest.errors import ConfigurationError
from orchestration.runtime.names import INGEST_QUEUE, MAINTENANCE_QUEUE, PLATFORM_QUEUE, WORK_POOL

POOL_TYPE = "prefect-agent"


@dataclass(frozen=True)
class QueueSpec:
    """A queue as it is created. `limit` is the number of runs at once; with None, the agents decide."""

    description: str
    limit: int | None


QUEUES: Mapping[str, QueueSpec] = {
    PLATFORM_QUEUE: QueueSpec("Runs that write the warehouse: one at a time.", limit=1),
    INGEST_QUEUE: QueueSpec("Streams to land: as many at once as `ingest` workers have slots.", limit=None),
    MAINTENANCE_QUEUE: QueueSpec("What goes on while the platform's queue is held up.", limit=1),
}


async def ensure_pool(client: PrefectClient) -> None:
    """Create the missing parts of the pool and its queues. Changes made in the UI stay, except that a limit cannot be
    removed.

    Raises ConfigurationError if a pool of that name is of another type.
    """
    pool = await _pool(client)
    if pool.type != POOL_TYPE:
        raise ConfigurationError(
            f"the work pool {WORK_POOL} is of type {pool.type}, and {POOL_TYPE} is needed",
            hint="Delete it in Prefect's UI, and start again.",
        )
    for name, spec in QUEUES.items():
        await _ensure_queue(client, name, spec)


async def _pool(client: PrefectClient) -> WorkPool:
    try:
        return await client.read_work_pool(WORK_POOL)
    except ObjectNotFound:
        pool = WorkPoolCreate(name=WORK_POOL, type=POOL_TYPE, description="Agents of the data platform.")
    try:
        return await client.create_work_pool(pool)
    except ObjectAlreadyExists:
        return await client.read_work_pool(WORK_POOL)


async def _ensure_queue(client: PrefectClient, name: str, spec: QueueSpec) -> None:
    try:
        queue = await client.read_work_queue_by_name(name, work_pool_name=WORK_POOL)
    except ObjectNotFound:
        try:
            await client.create_work_queue(
                name=name, work_pool_name=WORK_POOL, concurrency_limit=spec.limit, description=spec.description
            )
        except ObjectAlreadyExists:
            return
    else:
        if queue.concurrency_limit is None and spec.limit is not None:
            await client.update_work_queue(queue.id, concurrency_limit=spec.limit)

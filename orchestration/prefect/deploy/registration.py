"""Registers the platform with Prefect's API: pool, queues, infrastructure, deployments, alerts. It is idempotent.

Changes made in the UI stay: a schedule switched on or off, a paused queue, a paused automation, a limit. A schedule's
times are those changed last, in the settings or in the UI (`schedules.py`). Everything else is set to the code's
values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound
from pydantic import SecretStr

from orchestration.prefect.deploy.deployments import DeploymentSpec
from orchestration.prefect.deploy.schedules import MadeSchedules, times_of
from orchestration.prefect.operate.notifications import ensure_alerts
from orchestration.runtime.admission import process_block
from orchestration.runtime.names import WORK_POOL
from orchestration.runtime.pool import ensure_pool


@dataclass(frozen=True)
class Code:
    """The code's absolute path for the agent, and its release."""

    root: Path
    release: str


@dataclass(frozen=True)
class Registered:
    """The outcome of a registration: the deployments' ids by full name, and the names of the automations that send
    alerts.

    `kept` are the times of schedules that somebody set in Prefect and that stay, by the deployment's full name.
    """

    deployments: Mapping[str, UUID]
    alerts: tuple[str, ...]
    kept: Mapping[str, str] = field(default_factory=dict)


async def register(
    client: PrefectClient, specs: Sequence[DeploymentSpec], code: Code, *, alert_url: SecretStr | None
) -> Registered:
    """Register everything with the API. Raises ConfigurationError, and httpx.HTTPError if the API fails."""
    await ensure_pool(client)
    infrastructure = await _ensure_infrastructure(code)
    made = await MadeSchedules.read(client)
    deployments, kept = {}, {}
    for spec in specs:
        existing = await _existing(client, spec)
        schedules = made.wanted(spec.full_name, spec.schedule, existing.schedules if existing else None)
        deployments[spec.full_name] = await _ensure_deployment(client, spec, code, infrastructure, existing, schedules)
        if made.is_kept(spec.full_name, spec.schedule, schedules):
            kept[spec.full_name] = ", ".join(map(times_of, schedules)) or "none"
    await made.write(client, specs)
    alerts = await ensure_alerts(client, alert_url)
    return Registered(deployments, tuple(alerts), kept)


async def _ensure_infrastructure(code: Code) -> UUID:
    """Register a process block that runs in the code's own folder, and return its id.

    Into any other folder the agent would copy the code before each run.
    """
    return UUID(str(await process_block(code.root).save(WORK_POOL, overwrite=True)))


async def _ensure_deployment(
    client: PrefectClient,
    spec: DeploymentSpec,
    code: Code,
    infrastructure: UUID,
    existing: DeploymentResponse | None,
    schedules: list[DeploymentScheduleCreate],
) -> UUID:
    return await client.create_deployment(
        flow_id=await client.create_flow_from_name(spec.flow),
        name=spec.name,
        version=code.release,
        description=spec.description,
        tags=list(spec.tags),
        work_pool_name=WORK_POOL,
        work_queue_name=spec.queue,
        infrastructure_document_id=infrastructure,
        path=str(code.root),
        entrypoint=spec.entrypoint,
        parameters=dict(spec.parameters),
        parameter_openapi_schema=spec.schema,
        enforce_parameter_schema=True,
        schedules=schedules,
        paused=existing.paused if existing else spec.schedule is not None and not spec.schedule.on,
    )


async def _existing(client: PrefectClient, spec: DeploymentSpec) -> DeploymentResponse | None:
    try:
        return await client.read_deployment_by_name(spec.full_name)
    except ObjectNotFound:
        return None

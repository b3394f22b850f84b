"""The deployments, each with its queue, form and schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.contracts.registry import ContractRegistry
from ingest.run.window import FLOW_NAMES
from orchestration.prefect.deploy.forms import Schema, choice, fields_of, form, number, switch, time
from orchestration.prefect.run.parameters import RunParameters
from orchestration.runtime.names import (
    BACKFILL,
    FULL,
    INCREMENTAL,
    INGEST_QUEUE,
    KEYS,
    MAINTENANCE_DEPLOYMENT,
    MAINTENANCE_ENTRYPOINT,
    MAINTENANCE_FLOW,
    MAINTENANCE_QUEUE,
    PLATFORM_ENTRYPOINT,
    PLATFORM_FLOW,
    PLATFORM_QUEUE,
    STREAM_DEPLOYMENT,
    STREAM_ENTRYPOINT,
    STREAM_FLOW,
    VERIFY_DEPLOYMENT,
    VERIFY_ENTRYPOINT,
    VERIFY_FLOW,
)


@dataclass(frozen=True)
class ScheduleSpec:
    """A new deployment's schedule: a cron line in UTC. While it is not `on`, runs are started by hand."""

    cron: str
    on: bool


@dataclass(frozen=True)
class Schedules:
    """The cron line of each deployment that has a schedule, in UTC."""

    incremental: str = "*/15 * * * *"
    maintenance: str = "17 3 * * *"
    verify: str = "41 2 * * 0"


@dataclass(frozen=True)
class DeploymentSpec:
    """A deployment. `parameters` are its fixed values, `schema` describes the parameters that a run may be given."""

    flow: str
    name: str
    description: str
    entrypoint: str
    queue: str
    tags: tuple[str, ...]
    schema: Schema
    parameters: Mapping[str, Any] = field(default_factory=dict)
    schedule: ScheduleSpec | None = None

    @property
    def full_name(self) -> str:
        """The name that starts a run: `flow/deployment`."""
        return f"{self.flow}/{self.name}"


def deployment_specs(registry: ContractRegistry, schedules: Schedules = Schedules()) -> list[DeploymentSpec]:
    """Return all deployments, for these contracts and with these schedules."""
    streams = list(registry)
    with_deletions = [contract.stream for contract in registry.values() if contract.lands_keys]
    with_cursor = [contract.stream for contract in registry.values() if contract.spec.cursor is not None]
    return [
        _full(streams),
        _incremental(streams, schedules.incremental),
        _backfill(with_cursor),
        _keys(with_deletions),
        _stream(streams),
        _maintenance(schedules.maintenance),
        _verify(streams, schedules.verify),
    ]


def _platform(
    name: str, description: str, schema: Schema, *, parameters: Mapping[str, Any], schedule: ScheduleSpec | None = None
) -> DeploymentSpec:
    return DeploymentSpec(
        flow=PLATFORM_FLOW,
        name=name,
        description=description,
        entrypoint=PLATFORM_ENTRYPOINT,
        queue=PLATFORM_QUEUE,
        tags=("platform", name),
        schema=schema,
        parameters=parameters,
        schedule=schedule,
    )


def _full(streams: Sequence[str]) -> DeploymentSpec:
    names = ("streams", "full_refresh", "keys", "skip_ingest", "skip_load", "skip_dbt", "skip_publish")
    description = (
        "The whole line: every stream from its watermark on, deletions too, then load, dbt, reconciliation and "
        "publication. The first run lands all history; each further one what is new."
    )
    schema = form(fields_of(RunParameters, names, streams))
    return _platform(FULL, description, schema, parameters={})


def _incremental(streams: Sequence[str], cron: str) -> DeploymentSpec:
    fixed = {"keys": False}
    fields = fields_of(RunParameters, ("streams",), streams)
    description = (
        "What is new, by a schedule once it is switched on: as `full`, but it looks for deletions in a stream, and "
        "counts it at the source, only where that was last done COMPARE_EVERY_HOURS ago: few runs read a table's keys. "
        "dbt builds what depends on what is new, and everything once BUILD_ALL_EVERY_HOURS have passed. Where nothing "
        "is new, the warehouse is left alone."
    )
    schedule = ScheduleSpec(cron, on=False)
    return _platform(INCREMENTAL, description, form(fields, fixed=fixed), parameters=fixed, schedule=schedule)


def _backfill(streams: Sequence[str]) -> DeploymentSpec:
    names = ("streams", *FLOW_NAMES)
    fields = fields_of(RunParameters, names, streams, required=names)
    fields["streams"]["description"] = "Streams to land again. They must have been landed once."
    description = (
        "Lands a window of time of some streams again, whatever is there already, and builds from it. Rows that are "
        "the same stay one row in the marts; the watermark stays where it is."
    )
    schema = form(fields, required=names)
    return _platform(BACKFILL, description, schema, parameters={})


def _keys(streams: Sequence[str]) -> DeploymentSpec:
    fixed = {"keys": True}
    fields = {"streams": choice("Streams", "Streams whose rows can be deleted.", streams, required=True)}
    description = (
        "Looks for deletions in streams that have them: reads all their keys, and what is new, then builds from it. "
        "`incremental` does so too, now and then; run it where deletions must show at once."
    )
    schema = form(fields, required=("streams",), fixed=fixed)
    return _platform(KEYS, description, schema, parameters={**fixed, "streams": list(streams)})


def _stream(streams: Sequence[str]) -> DeploymentSpec:
    nullable_time = {"anyOf": [time("", ""), {"type": "null"}], "default": None}
    fields: dict[str, Schema] = {
        "stream": {"title": "Stream", "description": "The stream to land.", "type": "string", "enum": list(streams)},
        "keys": switch("Look for deletions", "Read all keys at the source.", default=True),
        "count": switch("Count", "Count the rows at the source."),
        "run_id": {
            "title": "Run",
            "description": "The run that the commits belong to; this one by default.",
            "anyOf": [{"type": "string"}, {"type": "null"}],
            "default": None,
        },
        "shared": {
            "title": "Shared snapshot",
            "description": "The horizon and the snapshot of that run; its own by default.",
            "anyOf": [{"type": "object"}, {"type": "null"}],
            "default": None,
        },
        "backfill_from": {
            **nullable_time,
            "title": "From",
            "description": "Land this window again instead. UTC without a zone.",
        },
        "backfill_to": {
            **nullable_time,
            "title": "To",
            "description": "The window's end, not within it. UTC without a zone.",
        },
        "wait_budget_seconds": {
            "title": "Wait budget, seconds",
            "description": "The rest of the stream's wait budget; WAIT_BUDGET_SECONDS by default.",
            "anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}],
            "default": None,
        },
    }
    return DeploymentSpec(
        flow=STREAM_FLOW,
        name=STREAM_DEPLOYMENT,
        description=(
            "Lands one stream in the lake, and no more. Other runs ask for it; by hand it is of use where a stream's "
            "rows are wanted in the lake at once, and the next run may load them."
        ),
        entrypoint=STREAM_ENTRYPOINT,
        queue=INGEST_QUEUE,
        tags=("ingest",),
        schema=form(fields, required=("stream",), together=FLOW_NAMES),
    )


def _maintenance(cron: str) -> DeploymentSpec:
    fields = {
        "grace_hours": number(
            "Grace, hours",
            "Leave files that no commit names if they are younger: a batch may be running.",
            default=24,
            minimum=1,
        ),
        "handoff_hours": number(
            "Hand-offs, hours", "Remove hand-off files of workers that are older.", default=24, minimum=1
        ),
        "allowed_age_hours": number(
            "Allowed age, hours",
            "The allowed age of a stream whose contract states none. Not judged if empty.",
        ),
    }
    return DeploymentSpec(
        flow=MAINTENANCE_FLOW,
        name=MAINTENANCE_DEPLOYMENT,
        description=(
            "Keeps house: removes files of broken-off batches from the lake, ends runs whose process is gone, and "
            "fails where a stream is older than its contract allows."
        ),
        entrypoint=MAINTENANCE_ENTRYPOINT,
        queue=MAINTENANCE_QUEUE,
        tags=("maintenance",),
        schema=form(fields),
        schedule=ScheduleSpec(cron, on=False),
    )


def _verify(streams: Sequence[str], cron: str) -> DeploymentSpec:
    fields = {
        "streams": choice("Streams", "The streams to compare; all if none is chosen.", streams),
        "repair": switch("Repair", "Land the differences; the next run loads them."),
    }
    return DeploymentSpec(
        flow=VERIFY_FLOW,
        name=VERIFY_DEPLOYMENT,
        description=(
            "Reads whole tables and compares them with the lake, by key and content: finds rows that were changed "
            "without moving their cursor, which no other run sees. It fails where a stream differs, and with `repair` "
            "lands what does. Every week once its schedule is switched on."
        ),
        entrypoint=VERIFY_ENTRYPOINT,
        queue=INGEST_QUEUE,
        tags=("verify",),
        schema=form(fields),
        schedule=ScheduleSpec(cron, on=False),
    )

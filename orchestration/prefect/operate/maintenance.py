"""The maintenance flow: ends lost runs, removes unused files, and reports stale streams. Each part leaves a table."""

# Prefect evaluates the flow's annotations, so they must not be strings.
import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.settings import PREFECT_API_URL
from prefect.states import Completed, Failed, State

from ingest.apart import apart
from ingest.contracts.registry import ContractRegistry
from ingest.errors import DataError, PlatformError
from ingest.lake.gc import Orphans, find_orphans, remove
from ingest.lake.objects.store import ObjectStore
from orchestration.ops.freshness import Freshness, freshness_of, present_of
from orchestration.prefect.operate.janitor import watch_once
from orchestration.prefect.show.run_logs import readable_logs
from orchestration.runtime.client import async_client
from orchestration.runtime.heartbeat import beating
from orchestration.runtime.names import MAINTENANCE_FLOW
from orchestration.runtime.patience import wait_for_a_restarting_server
from orchestration.runtime.told import tell_what_is_harmless
from orchestration.settings import OrchestrationSettings
from orchestration.worker.handoff import remove_handoffs

Cells = dict[str, Any]

# Prefect types it as a coroutine. Called from a flow that is not async, it returns after the artifact is written.
_create_table: Callable[..., object] = create_table_artifact


class House:
    """The lake, the contracts, and the settings. Prefect passes an object of a plain class on unchanged."""

    def __init__(self, settings: OrchestrationSettings, run_id: str) -> None:
        self.settings = settings
        self.run_id = run_id
        self.registry = ContractRegistry.load(settings.contracts_dir)
        self.store = ObjectStore(settings.lake)


@flow(name=MAINTENANCE_FLOW, description="Lost runs, files that nothing reads, streams that are too old.")
def maintain(grace_hours: float = 24.0, handoff_hours: float = 24.0, allowed_age_hours: float | None = None) -> Any:
    """Clean up: run every part, even if another one fails.

    Args:
        grace_hours (float): leave files that no commit names if they are younger.
        handoff_hours (float): remove hand-off files of workers that are older.
        allowed_age_hours (float): the allowed age of a stream whose contract states none; not judged by default.

    The run fails if a part failed, and if a stream is stale.
    """
    wait_for_a_restarting_server()
    tell_what_is_harmless()
    readable_logs()
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("the flow runs outside of a flow run")
    try:
        house = House(OrchestrationSettings.load(), str(context.flow_run.id))
    except PlatformError as error:
        return Failed(message=str(error))
    with beating(context.flow_run, get_run_logger()):
        return _ended(
            [
                _state(janitor, house),
                _state(gc, house, timedelta(hours=grace_hours), timedelta(hours=handoff_hours)),
                _state(freshness, house, timedelta(hours=allowed_age_hours) if allowed_age_hours is not None else None),
            ]
        )


@task(name="janitor", task_run_name="janitor")
def janitor(house: House) -> Any:
    """End runs whose process is gone. The agent's janitor does the same all the time, if there is an agent."""
    if not PREFECT_API_URL.value():
        return Completed(message="no server, so no runs of other processes")
    lost = asyncio.run(_watch(house.settings.stale_run))
    _table("maintenance-lost-runs", "Runs that gave no sign of life, and were ended.", list(map(_run_row, lost)))
    return Completed(message=f"{len(lost)} lost runs were ended")


@task(name="gc", task_run_name="gc")
def gc(house: House, grace: timedelta, handoff_age: timedelta) -> Any:
    """Remove files that no commit names, and old hand-off files."""
    found = apart(
        house.registry.values(),
        lambda contract: remove(
            house.store, contract, find_orphans(house.store, contract, grace=grace), run_id=house.run_id
        ),
    )
    handoffs = remove_handoffs(house.store, older_than=datetime.now(UTC) - handoff_age)
    _table("maintenance-gc", "Files that no commit names, by stream.", list(map(_orphans_row, found.results)))
    found.require_sound()
    removed = sum(len(orphans.old) for orphans in found.results)
    return Completed(message=f"{removed:,} files and {handoffs:,} hand-offs were removed")


@task(name="freshness", task_run_name="freshness")
def freshness(house: House, allowed: timedelta | None) -> Any:
    """Judge how long ago each stream was read. Raises DataError that names the stale streams."""
    judged = apart(
        house.registry.values(),
        lambda contract: freshness_of(house.store, contract, now=present_of(contract, house.settings), default=allowed),
    )
    streams = judged.results
    _table(
        "maintenance-freshness",
        "How far each stream's source was last read. Times are UTC.",
        list(map(_age_row, streams)),
    )
    judged.require_sound()
    stale = [item for item in streams if item.stale]
    if stale:
        raise DataError(
            f"{len(stale)} of {len(streams)} streams are too old: {'; '.join(map(str, stale))}",
            hint="Do the last runs of the flow fail? Is the schedule of the deployment incremental on?",
        )
    return Completed(message=f"{len(streams)} streams are fresh enough")


def _state(part: Any, *arguments: object) -> State[Any]:
    state: State[Any] = part(*arguments, return_state=True)
    return state


def _ended(states: Sequence[State[Any]]) -> State[Any]:
    """Return the run's final state. Its message holds all problems, because an alert shows it."""
    problems = [state for state in states if not state.is_completed()]
    if not problems:
        return Completed(message="; ".join(state.message or "" for state in states))
    return Failed(message="\n".join(_problem(state) for state in problems))


def _problem(state: State[Any]) -> str:
    error = state.result(raise_on_failure=False)
    return str(error) if isinstance(error, PlatformError) else str(state.message)


async def _watch(stale_after: timedelta) -> list[FlowRun]:
    async with async_client() as client:
        return await watch_once(client, stale_after)


def _table(key: str, description: str, rows: list[Cells]) -> None:
    if rows:
        _create_table(rows, key=key, description=description)


def _run_row(run: FlowRun) -> Cells:
    last = f"{run.updated:%Y-%m-%d %H:%M:%S}" if run.updated else ""
    return {"run": run.name, "process": run.infrastructure_pid or "", "last sign of life": last}


def _orphans_row(orphans: Orphans) -> Cells:
    size = sum(item.bytes for item in orphans.old)
    return {
        "stream": orphans.stream,
        "removed": len(orphans.old),
        "bytes": size,
        "left, too young": len(orphans.young),
        "version": orphans.version,
    }


def _age_row(item: Freshness) -> Cells:
    return {
        "stream": item.stream,
        "read until": f"{item.read_until:%Y-%m-%d %H:%M:%S}" if item.read_until else "",
        "age": item.age_text,
        "allowed": item.allowed_text,
        "fresh": "NO" if item.stale else "yes" if item.judged else "not judged",
        "note": item.note,
    }

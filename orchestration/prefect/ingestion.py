"""The ingest step: every selected stream at once, over one open run for each kind of source.

A source that cannot be opened fails its own streams; a stream that fails stops no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from prefect import Task
from prefect.states import State

from ingest.contracts.model import Source, StreamContract
from ingest.errors import PlatformError, TransientError
from ingest.lake.log import CommitLog
from ingest.lake.store import ObjectStore
from ingest.retry import WaitBudget, retrying
from ingest.runner import IngestRun, open_run
from orchestration.prefect.services import RunServices
from orchestration.prefect.tasks import IngestWork, ingest_stream
from orchestration.report import StreamOutcome
from orchestration.settings import OrchestrationSettings

_OPEN_BUDGET_SECONDS = 60.0


def ingest(run: RunServices) -> list[StreamOutcome]:
    """Land every selected stream; each one's outcome, in the order of the contracts."""
    run.progress.step("ingest", f"{len(run.selected)} streams")
    # The heads come first: what another writer commits from here on is seen to be another's.
    versions = _versions(run.store, run.selected)
    with ExitStack() as opened:
        runs, failed = _open(run, opened)
        work = IngestWork(
            runs,
            run.registry,
            versions,
            run.progress,
            backfill=run.parameters.backfill,
            keys=run.parameters.keys,
            slots=run.ingest_settings.concurrency,
        )
        task = with_retries(ingest_stream, run.settings)
        futures = {stream: task.submit(stream, work) for stream in runs}
        outcomes = {stream: _outcome(stream, versions[stream], future.wait()) for stream, future in futures.items()}
    outcomes |= {stream: StreamOutcome(stream, versions[stream], error=error) for stream, error in failed.items()}
    for outcome in outcomes.values():
        if outcome.error is not None:
            run.progress.stream_finished(outcome)
    return [outcomes[contract.stream] for contract in run.selected]


def with_retries(task: Task[Any, Any], settings: OrchestrationSettings) -> Task[Any, Any]:
    """The task with the settings' retries; its `retry_condition_fn` lets transient faults alone through."""
    delays = [settings.task_retry_seconds * 2**attempt for attempt in range(settings.task_retries)]
    if not delays:
        return task
    retried: Task[Any, Any] = task.with_options(
        retries=settings.task_retries,
        retry_delay_seconds=delays,
        task_run_name=task.task_run_name,  # else forgotten
    )
    return retried


def error_of(state: State[Any]) -> PlatformError | None:
    """The PlatformError that ended a task, None for a task that completed. Any other exception is raised."""
    if state.is_completed():
        return None
    error = state.result(raise_on_failure=False)
    if isinstance(error, PlatformError):
        return error
    if isinstance(error, BaseException):
        raise error
    raise RuntimeError(f"a task ended as {state.name}: {state.message}")


def _versions(store: ObjectStore, contracts: Sequence[StreamContract]) -> dict[str, int]:
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="heads") as pool:
        heads = pool.map(lambda contract: CommitLog(store, contract.stream).head(), contracts)
        return {contract.stream: head.version if head else 0 for contract, head in zip(contracts, heads, strict=True)}


def _open(run: RunServices, opened: ExitStack) -> tuple[dict[str, IngestRun], dict[str, PlatformError]]:
    """Open a run for each kind of source: runs by stream, and the errors of those that cannot be opened."""
    runs: dict[str, IngestRun] = {}
    failed: dict[str, PlatformError] = {}
    for contracts in _by_source(run.selected).values():
        try:
            ingest_run = _open_one(run, contracts, opened)
        except PlatformError as error:
            failed |= {contract.stream: error for contract in contracts}
        else:
            runs |= {contract.stream: ingest_run for contract in contracts}
    return runs, failed


def _open_one(run: RunServices, contracts: Sequence[StreamContract], opened: ExitStack) -> IngestRun:
    def once() -> IngestRun:
        return opened.enter_context(
            open_run(run.ingest_settings, contracts, run.run_id, progress=run.progress.stream_read, store=run.store)
        )

    def note(error: TransientError, wait: float) -> None:
        run.progress.step("wait", f"{wait:.0f} s, then try again: {error}")

    return retrying(WaitBudget(_OPEN_BUDGET_SECONDS), attempts=4, before_retry=note)(once)


def _by_source(contracts: Sequence[StreamContract]) -> Mapping[Source, list[StreamContract]]:
    grouped: dict[Source, list[StreamContract]] = {}
    for contract in contracts:
        grouped.setdefault(contract.spec.source, []).append(contract)
    return grouped


def _outcome(stream: str, version: int, state: State[Any]) -> StreamOutcome:
    error = error_of(state)
    if error is not None:
        return StreamOutcome(stream, version=version, error=error)
    outcome = state.result()
    if not isinstance(outcome, StreamOutcome):
        raise TypeError(f"the task of {stream} returned {outcome!r}")
    return outcome

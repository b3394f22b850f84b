"""The ingest step: lands all selected streams at once, over one open ingestion for each kind of source.

This process lands streams. With INGEST_DEPLOYMENT, workers elsewhere join the ingestion and land them, except quick
streams, most often those without new rows. If a source cannot be opened, its own streams fail. A stream that fails
stops no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect.states import State

from ingest.contracts.model import Source, StreamContract
from ingest.errors import PlatformError, TransientError
from ingest.lake.heads import read_heads
from ingest.lake.read_mark import CountMark
from ingest.retry import WaitBudgets, retrying_to_open
from ingest.run.runner import Ingestion, open_ingestion
from orchestration.prefect.run.dispatch import DispatchSettings, StreamDispatcher, require_server
from orchestration.prefect.run.services import StepServices
from orchestration.prefect.run.task_retries import TaskRetries
from orchestration.prefect.run.tasks import IngestWork, StreamWork, ingest_stream
from orchestration.report import StreamOutcome


@dataclass(frozen=True)
class _Waiting:
    """The wait budgets of this run's streams, over all loops and processes, and their tasks' retries."""

    budgets: WaitBudgets
    retries: TaskRetries


@dataclass(frozen=True)
class _Announced:
    """Work that calls `on_commits` for each stream that has got commits."""

    work: StreamWork
    on_commits: Callable[[], None]

    def ingest(self, stream: str) -> StreamOutcome:
        outcome = self.work.ingest(stream)
        if outcome.result is not None and outcome.result.commits:
            self.on_commits()
        return outcome


def ingest(run: StepServices, on_commits: Callable[[], None] = lambda: None) -> list[StreamOutcome]:
    """Land every selected stream. Return the outcomes in the order of the contracts.

    `on_commits` is called, from any thread, when a stream has got commits: this run will not be idle.
    """
    run.progress.step("ingest", f"{len(run.selected)} streams")
    # The heads are read first, so that any later commit of another writer is recognised.
    heads = read_heads(run.store, run.selected)
    versions = {contract.stream: heads.version(contract.stream) for contract in run.selected}
    sound = replace(run, selected=tuple(each for each in run.selected if each.stream in heads.commits))
    waiting = _Waiting(WaitBudgets(run.ingest_settings.wait_budget_seconds), TaskRetries(run.settings))
    with ExitStack() as opened:
        work, failed = _work(sound, versions, _with_keys(sound), opened, waiting)
        failed |= heads.damaged
        task = waiting.retries.of(ingest_stream)
        streams = [contract.stream for contract in run.selected if contract.stream not in failed]
        futures = {stream: task.submit(stream, _Announced(work, on_commits)) for stream in streams}
        outcomes = {stream: _outcome(stream, versions[stream], future.wait()) for stream, future in futures.items()}
    outcomes |= {
        stream: StreamOutcome(stream, error=error, version=versions[stream]) for stream, error in failed.items()
    }
    for outcome in outcomes.values():
        if outcome.error is not None:
            run.progress.stream_finished(outcome)
    return [outcomes[contract.stream] for contract in run.selected]


def _with_keys(run: StepServices) -> frozenset[str]:
    """Return the streams in which deletions are looked for: all if the run is asked to, otherwise the due ones."""
    with_deletions = [contract.stream for contract in run.selected if contract.lands_keys]
    if run.parameters.keys or run.parameters.backfill is not None:
        return frozenset(with_deletions)
    now, every = datetime.now(UTC), run.settings.compare_every

    def is_due(stream: str) -> bool:
        mark = CountMark.read(run.store, stream)
        return mark is None or not mark.is_within(every, now)

    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="marks") as pool:
        due = list(pool.map(is_due, with_deletions))
    return frozenset(stream for stream, is_its_turn in zip(with_deletions, due, strict=True) if is_its_turn)


def _work(
    run: StepServices, versions: Mapping[str, int], with_keys: frozenset[str], opened: ExitStack, waiting: _Waiting
) -> tuple[StreamWork, dict[str, PlatformError]]:
    """Return the object that lands streams, and the errors of streams whose source cannot be opened."""
    deployment = run.settings.ingest_deployment
    if deployment:
        return _handed_out(run, deployment, versions, with_keys, opened, waiting)
    return _here(run, versions, with_keys, opened, waiting)


def _here(
    run: StepServices, versions: Mapping[str, int], with_keys: frozenset[str], opened: ExitStack, waiting: _Waiting
) -> tuple[IngestWork, dict[str, PlatformError]]:
    """Return the object that lands streams in this process, and the errors of streams whose source cannot be opened."""
    ingestions: dict[str, Ingestion] = {}
    failed: dict[str, PlatformError] = {}
    for contracts in _by_source(run.selected).values():
        source = _opened(run, contracts, failed, opened, waiting)
        ingestions |= {contract.stream: source for contract in contracts} if source else {}
    work = IngestWork(
        ingestions,
        run.registry,
        versions,
        run.progress,
        backfill=run.parameters.backfill,
        with_keys=with_keys,
        slots=run.ingest_settings.concurrency,
        budgets=waiting.budgets,
        retries=waiting.retries,
    )
    return work, failed


def _handed_out(
    run: StepServices,
    deployment: str,
    versions: Mapping[str, int],
    with_keys: frozenset[str],
    opened: ExitStack,
    waiting: _Waiting,
) -> tuple[StreamDispatcher, dict[str, PlatformError]]:
    """Return the object that hands streams to workers, at one snapshot that this process keeps open, and the errors."""
    require_server()
    here, failed = _here(run, versions, with_keys, opened, waiting)
    work = StreamDispatcher(
        DispatchSettings(
            deployment,
            stale=run.settings.stale_run,
            start_within=timedelta(seconds=run.settings.ingest_start_seconds),
        ),
        run.run_id,
        here,
        run.registry,
        run.store,
        run.progress,
        backfill=run.parameters.backfill,
        with_keys=with_keys,
        budgets=waiting.budgets,
        retries=waiting.retries,
    )
    return opened.enter_context(work), failed


def error_of(state: State[Any]) -> PlatformError | None:
    """Return the PlatformError that ended a task, None for a completed task. Any other exception is raised."""
    if state.is_completed():
        return None
    error = state.result(raise_on_failure=False)
    if isinstance(error, PlatformError):
        return error
    if isinstance(error, BaseException):
        raise error
    raise RuntimeError(f"a task ended as {state.name}: {state.message}")


def _opened(
    run: StepServices,
    contracts: Sequence[StreamContract],
    failed: dict[str, PlatformError],
    opened: ExitStack,
    waiting: _Waiting,
) -> Ingestion | None:
    """Open the ingestion of `contracts`.

    If that fails, return None and store the error in `failed` for each of them.
    """

    def once() -> Ingestion:
        return opened.enter_context(
            open_ingestion(
                run.ingest_settings,
                contracts,
                run.run_id,
                progress=run.progress.stream_read,
                store=run.store,
                budgets=waiting.budgets,
            )
        )

    def note(error: TransientError, wait: float) -> None:
        run.progress.step("wait", f"{wait:.0f} s, then try again: {error}")

    try:
        return retrying_to_open(waiting.budgets, [contract.stream for contract in contracts], note)(once)
    except PlatformError as error:
        failed |= {contract.stream: error for contract in contracts}
        return None


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

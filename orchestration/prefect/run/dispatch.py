"""Hands streams out: each becomes a run of the worker's deployment, on any free worker, and is followed.

A worker that dies leaves a run that stays Running for ever. Its heartbeat stops, so the run is marked as crashed and
the stream is handed out again. The next worker continues after the first one's commits.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self
from uuid import UUID, uuid4

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.deployments.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelled, Cancelling, Crashed, State

from ingest.contracts.model import StreamContract
from ingest.errors import ConfigurationError, ConflictError, PlatformError, TransientError, first_line
from ingest.lake.objects.store import ObjectStore
from ingest.retry import WaitBudgets
from ingest.retry_policies import HAND_OUT, SERVER_ANSWER
from ingest.run.window import Bounds
from orchestration.prefect.run.task_retries import TaskRetries
from orchestration.prefect.run.tasks import IngestWork
from orchestration.progress import Logger, Progress
from orchestration.report import StreamOutcome
from orchestration.runtime.client import async_client, sync_client
from orchestration.runtime.silence import SilenceWatch
from orchestration.worker.handoff import Handoff

_FIRST_POLL_SECONDS = 0.25
_POLL_SECONDS = 1.0
"""Most streams are landed within a second: at first a run is asked after more often, and again once it has begun."""
_HANDED_OUT_AT_ONCE = 3
"""Starting a run takes a second, most of it in Python; a server on SQLite has one writer anyway."""


@dataclass(frozen=True)
class DispatchSettings:
    """The settings of handing out streams. `deployment` is a name `flow/deployment`.

    A run without a sign of life for `stale` is lost. A run that no worker has taken within `start_within` is given up.
    """

    deployment: str
    stale: timedelta
    start_within: timedelta


def require_server() -> None:
    """Raise ConfigurationError if there is no server from which workers could take streams."""
    if not PREFECT_API_URL.value():
        raise ConfigurationError(
            "INGEST_DEPLOYMENT is set, but PREFECT_API_URL is not: there is no server that workers take streams from",
            hint="Set PREFECT_API_URL, or leave INGEST_DEPLOYMENT empty.",
        )


class StreamDispatcher:
    """Lands streams by runs of a deployment, and quick ones by `here`, in this process. Thread-safe.

    Handing a stream out costs two seconds of a core, however little there is to land. On exit of the context,
    unfinished runs are cancelled.
    """

    def __init__(
        self,
        settings: DispatchSettings,
        run_id: str,
        here: IngestWork,
        contracts: Mapping[str, StreamContract],
        store: ObjectStore,
        progress: Progress,
        *,
        backfill: Bounds | None,
        with_keys: frozenset[str],
        budgets: WaitBudgets,
        retries: TaskRetries,
    ) -> None:
        self._settings = settings
        self._budgets = budgets
        self._retries = retries
        self._handed_out: Counter[str] = Counter()
        self._run_id = run_id
        self._here = here
        self._contracts = contracts
        self._store = store
        self._progress = progress
        self._backfill = backfill
        self._with_keys = with_keys
        self._open: dict[UUID, str] = {}
        self._few_at_a_time = threading.BoundedSemaphore(_HANDED_OUT_AT_ONCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        if self._open:
            with sync_client() as client:
                logger = get_run_logger()
                for flow_run_id, stream in list(self._open.items()):
                    message = f"the run that {stream} belongs to has ended"
                    _end(client, flow_run_id, stream, Cancelling(message=message), logger)

    def ingest(self, stream: str) -> StreamOutcome:
        """Land one stream. A conflict with another writer is an outcome; any other failure is raised."""
        if self._here.is_quick(stream):
            return self._here.ingest(stream)
        self._progress.stream_started(stream)
        with self._retries.paid_by(self._budgets.of(stream), stream):
            outcome = self._landed(stream)
        self._progress.stream_finished(outcome)
        return outcome

    def _landed(self, stream: str) -> StreamOutcome:
        """Hand the stream out, and again if a worker died. The limit counts over all tries of the stream's task."""
        logger = get_run_logger()
        while self._handed_out[stream] <= HAND_OUT.further_tries:
            self._handed_out[stream] += 1
            with self._few_at_a_time:
                flow_run = self._hand_out(stream)
            logger.info("%s: handed out as flow run '%s'", stream, flow_run.id)
            with sync_client() as client:
                ended = self._follow(client, stream, flow_run.id, logger)
            self._open.pop(flow_run.id, None)
            if not (ended.state and ended.state.is_crashed()):
                return self._outcome(stream, ended, logger)
            logger.warning("%s: %s; its %d. worker was lost", stream, ended.state.message, self._handed_out[stream])
        error = TransientError(
            f"{self._handed_out[stream]} workers in turn died of it, or were killed, or failed",
            stream=stream,
            hint="Is its machine short of memory? `python -m orchestration.worker` starts another.",
        )
        error.final = True
        raise error

    def _hand_out(self, stream: str) -> FlowRun:
        contract = self._contracts[stream]
        start, end = self._backfill or (None, None)
        keys = stream in self._with_keys
        parameters = {
            "stream": stream,
            "run_id": self._run_id,
            "shared": self._here.shared(stream).model_dump(mode="json"),
            "backfill_from": start.isoformat() if start else None,
            "backfill_to": end.isoformat() if end else None,
            "keys": keys,
            "wait_budget_seconds": max(self._budgets.of(stream).seconds, 0.0),
            # Without a keys pass, rows deleted at the source are still in the lake, so counts cannot be compared.
            "count": self._backfill is None and (keys or not contract.lands_keys),
        }
        try:
            flow_run = self._start(stream, parameters)
        except httpx.HTTPError as error:
            raise _refused(error, stream) from error
        except ObjectNotFound as error:
            raise ConfigurationError(
                f"Prefect has no deployment '{self._settings.deployment}'",
                hint="Register it: `python orchestration/prefect/flow.py --deploy`; or leave INGEST_DEPLOYMENT empty.",
            ) from error
        self._open[flow_run.id] = stream
        if flow_run.parent_task_run_id is not None:
            _name(flow_run.parent_task_run_id, stream)
        return flow_run

    def _start(self, stream: str, parameters: dict[str, Any]) -> FlowRun:
        # Prefect types it as a coroutine. Called from a task that is not async, it returns after the run is created.
        start: Callable[..., Any] = run_deployment
        flow_run: FlowRun = start(
            self._settings.deployment,
            parameters=parameters,
            flow_run_name=stream,
            timeout=0,
            # A busy server may create the run and report a failure. The client then asks again.
            idempotency_key=f"{self._run_id}-{stream}-{uuid4()}",
        )
        return flow_run

    def _follow(self, client: SyncPrefectClient, stream: str, flow_run_id: UUID, logger: Logger) -> FlowRun:
        """Wait until the flow run has ended, or until it is lost and marked so."""
        watch = SilenceWatch(self._settings.stale)
        host, pause = None, _FIRST_POLL_SECONDS
        while True:
            flow_run = self._read(client, flow_run_id, stream, logger)
            state = flow_run.state
            if state is None or state.is_final():
                return flow_run
            lost = watch.look([flow_run])
            silence = watch.silence(flow_run)
            if state.type is StateType.SCHEDULED:
                if silence > self._settings.start_within:
                    _end(client, flow_run_id, stream, Cancelled(message="no worker took it"), logger)
                    raise TransientError(
                        f"no worker took it within {silence.total_seconds():.0f} s",
                        stream=stream,
                        hint="Is a worker up, with a free slot (INGEST_SLOTS)? `python -m orchestration.worker` "
                        "starts one.",
                    )
            elif lost:
                who = f"the worker on {flow_run.infrastructure_pid or 'an unknown host'}"
                said = f"{who} gave no sign of life for {silence.total_seconds():.0f} s"
                # If the API refuses it, the next poll repeats it.
                _end(client, flow_run_id, stream, Crashed(message=said), logger)
            elif state.is_running() and host is None and flow_run.infrastructure_pid:
                host = flow_run.infrastructure_pid.partition(":")[0]
                logger.info("%s: being landed on host %s", stream, host)
                pause = _FIRST_POLL_SECONDS
            time.sleep(pause)
            pause = min(pause * 1.25, _POLL_SECONDS)

    def _read(self, client: SyncPrefectClient, flow_run_id: UUID, stream: str, logger: Logger) -> FlowRun:
        """Return the flow run from the API. A failing API is asked again, because the worker goes on in the
        meantime.
        """
        for _ in range(SERVER_ANSWER.further_tries + 1):
            try:
                return client.read_flow_run(flow_run_id)
            except ObjectNotFound as error:
                raise PlatformError("its flow run was deleted", stream=stream) from error
            except httpx.HTTPError as error:
                logger.warning("%s: Prefect's API failed, and is asked again: %s", stream, first_line(error))
                failure = error
                time.sleep(SERVER_ANSWER.first_wait)
        raise TransientError(f"Prefect's API does not say how it goes: {first_line(failure)}", stream=stream)

    def _outcome(self, stream: str, flow_run: FlowRun, logger: Logger) -> StreamOutcome:
        version = self._here.shared(stream).versions[stream]
        state = flow_run.state
        if state is not None and state.is_cancelled():
            raise PlatformError("its flow run was cancelled", stream=stream)
        try:
            handoff = Handoff.read(self._store, str(flow_run.id))
        except TransientError as error:
            said = state.message if state and state.message else error.message
            raise TransientError(said, stream=None if stream in said else stream) from error
        self._budgets.of(stream).spend(handoff.waited_seconds)
        if handoff.error is not None:
            failure = handoff.error.error()
            if isinstance(failure, ConflictError):
                return StreamOutcome(stream, version=version, overtaken=f"another writer won: {failure.message}")
            raise failure
        if handoff.result is None:
            raise TransientError("the worker left neither a result nor an error", stream=stream)
        result = handoff.result.result(self._store, stream)
        logger.info("%s: %s rows landed on host %s", stream, f"{result.rows_landed:,}", handoff.host)
        newest = result.commits[-1].version if result.commits else version
        return StreamOutcome(stream, version=newest, result=result)


def _refused(error: httpx.HTTPError, stream: str) -> PlatformError:
    """Return the error for a stream that the API refused: 409 and 422 stand for refused parameters."""
    if isinstance(error, httpx.HTTPStatusError) and error.response.status_code in (409, 422):
        return ConfigurationError(
            f"the deployment refuses the stream: {_detail(error.response)}",
            stream=stream,
            hint="Is it of these contracts? Register it again: `python orchestration/prefect/flow.py --deploy`.",
        )
    return TransientError(f"Prefect's API could not take the stream: {first_line(error)}", stream=stream)


def _detail(answer: httpx.Response) -> str:
    """Return the API's detail, in one line."""
    try:
        said = answer.json().get("detail", answer.text)
    except (ValueError, AttributeError):
        said = answer.text
    return " ".join(str(said).split())[:300]


def _name(task_run_id: UUID, stream: str) -> None:
    """Name the task run that stands for a remote run, instead of Prefect's random name. A failure is ignored."""

    async def name() -> None:
        async with async_client() as client:
            await client.set_task_run_name(task_run_id, f"{stream}, by a worker")

    try:
        asyncio.run(name())
    except (httpx.HTTPError, ObjectNotFound) as error:
        get_run_logger().debug("%s: its task run was not named: %s", stream, first_line(error))


def _end(client: SyncPrefectClient, flow_run_id: UUID, stream: str, state: State[Any], logger: Logger) -> None:
    """Set the state of a flow run, unless it has ended or was deleted. A failure of the API is only logged.

    A run that stays Running does no harm: of two that commit one version one wins, and the janitor ends lost runs.
    """
    try:
        current = client.read_flow_run(flow_run_id).state
        if current is None or not current.is_final():
            client.set_flow_run_state(flow_run_id, state)
    except (httpx.HTTPError, ObjectNotFound) as error:
        logger.warning("%s: its flow run '%s' could not be ended: %s", stream, flow_run_id, first_line(error))

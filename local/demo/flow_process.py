"""The process that runs the demo's flow: `python -m local.demo.flow_process SOCKET`."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from threading import Lock
from typing import cast

from common.garbage import collect_seldom, leave_out_present_objects
from ingest.errors import PlatformError
from local.demo.messages import FlowEvent, FlowFailed, FlowFinished, FlowReady, RunFlow
from orchestration.dbt.events import NodeFinished, NodeStarted
from orchestration.progress import report_to
from orchestration.reconcile.comparison import Reconciliation
from orchestration.report import RunFailedError, RunReport, StreamOutcome
from orchestration.warehouse.loader import LoadResult
from orchestration.warehouse.protocol import Publication

Send = Callable[[object], None]


class SentProgress:
    """A listener that sends each event of a run to the other end. A lock serialises threads."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._one_at_a_time = Lock()

    def step(self, name: str, detail: str = "") -> None:
        self._tell("step", name, detail)

    def stream_started(self, stream: str) -> None:
        self._tell("stream_started", stream)

    def stream_read(self, stream: str, records: int) -> None:
        self._tell("stream_read", stream, records)

    def stream_finished(self, outcome: StreamOutcome) -> None:
        self._tell("stream_finished", outcome)

    def loaded(self, result: LoadResult) -> None:
        self._tell("loaded", result)

    def dbt_started(self, node: NodeStarted) -> None:
        self._tell("dbt_started", node)

    def dbt_finished(self, node: NodeFinished) -> None:
        self._tell("dbt_finished", node)

    def reconciled(self, reconciliation: Reconciliation) -> None:
        self._tell("reconciled", reconciliation)

    def published(self, publication: Publication) -> None:
        self._tell("published", publication)

    def _tell(self, method: str, *arguments: object) -> None:
        with self._one_at_a_time:
            self._send(FlowEvent(method, arguments))


def serve(connection: Connection, prepare: Callable[[], None], run: Callable[[], RunReport]) -> None:
    """Prepare, report readiness, and run at each request until the other end closes the connection.

    An error that is no PlatformError ends this process: its traceback is in the log, and the other end gets an EOF.
    """
    prepare()
    connection.send(FlowReady())
    while True:
        try:
            request = cast(RunFlow, connection.recv())
        except EOFError:
            return
        os.environ.update(request.environment)
        connection.send(_run_once(connection.send, run))


def _run_once(send: Send, run: Callable[[], RunReport]) -> FlowFinished | FlowFailed:
    with report_to(SentProgress(send)):
        try:
            return FlowFinished(run())
        except PlatformError as error:
            report = error.report if isinstance(error, RunFailedError) else None
            return FlowFailed(str(error), error.exit_code, report)


def main() -> None:
    """Run the process. It connects before its imports, so that the other end soon knows that it lives."""
    collect_seldom()
    end = socket.socket(socket.AF_UNIX)
    end.connect(sys.argv[1])
    connection = Connection(end.detach())
    from local.demo.prefect_run import prepare, run

    leave_out_present_objects()
    with connection:
        serve(connection, prepare, run)


if __name__ == "__main__":
    main()

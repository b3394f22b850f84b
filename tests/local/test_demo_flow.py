"""The demo and the process of its flow: events and results arrive, a failure is reported, an end is noticed."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import cast

import pytest

from ingest.errors import ConflictError
from local.demo.flow_client import FlowFailedError, FlowProcess
from local.demo.flow_process import serve
from local.errors import LocalStackError
from local.processes import Command, Process
from orchestration.progress import Progress, current
from orchestration.report import RunFailedError, RunReport

REPORT = RunReport("run", 1.5)


class CrashError(Exception):
    """An error that no flow expects."""


class _Steps:
    """A listener that records steps."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def step(self, name: str, detail: str = "") -> None:
        self.heard.append((name, detail))

    @property
    def as_progress(self) -> Progress:
        return cast(Progress, self)


@dataclass
class _EndedProcess:
    """A process that has ended, as the client sees it."""

    command: Command
    waited: list[float] = field(default_factory=list)

    def wait(self, seconds: float) -> int:
        self.waited.append(seconds)
        return 9


@contextmanager
def flow_that(run: Callable[[], RunReport], tmp_path: Path) -> Iterator[FlowProcess]:
    """Yield a client whose other end is served by a thread."""
    ours, theirs = socket.socketpair()
    other_end = Connection(theirs.detach())

    def answer() -> None:
        with other_end, suppress(CrashError):
            serve(other_end, lambda: None, run)

    server = Thread(target=answer)
    server.start()
    process = _EndedProcess(Command("The process of the flow", (), tmp_path / "flow.log", {}, tmp_path))
    client = FlowProcess(cast(Process, process), socket.socket(), Connection(ours.detach()))
    try:
        with client:
            client._receive()
            yield client
    finally:
        server.join(timeout=20)


def test_events_and_report_arrive(tmp_path: Path) -> None:
    def run() -> RunReport:
        current(logging.getLogger("test")).step("ingest", "9 streams")
        return REPORT

    steps = _Steps()
    with flow_that(run, tmp_path) as flow:
        assert flow.run({}, steps.as_progress) == REPORT
        assert flow.run({}, steps.as_progress) == REPORT

    assert steps.heard == [("ingest", "9 streams")] * 2


def test_environment_reaches_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAAS_BASE_URL", "before")
    seen: list[str] = []

    def run() -> RunReport:
        seen.append(os.environ["SAAS_BASE_URL"])
        return REPORT

    with flow_that(run, tmp_path) as flow:
        flow.run({"SAAS_BASE_URL": "http://127.0.0.1:1"}, _Steps().as_progress)

    assert seen == ["http://127.0.0.1:1"]


def test_failure_is_told_with_its_exit_code_and_report(tmp_path: Path) -> None:
    failed = RunReport("run", 1.0, problems=(ConflictError("another writer won", stream="orders"),))

    def run() -> RunReport:
        raise RunFailedError.of(failed)

    with flow_that(run, tmp_path) as flow, pytest.raises(FlowFailedError, match="another writer won") as caught:
        flow.run({}, _Steps().as_progress)

    assert caught.value.exit_code == ConflictError.exit_code
    assert caught.value.report is not None
    assert [str(problem) for problem in caught.value.report.problems] == ["orders: another writer won"]
    assert str(tmp_path) in str(caught.value)


def test_end_of_the_process_is_noticed_and_its_log_shown(tmp_path: Path) -> None:
    (tmp_path / "flow.log").write_text("Traceback ...\nMemoryError\n")

    def run() -> RunReport:
        raise CrashError

    with (
        flow_that(run, tmp_path) as flow,
        pytest.raises(LocalStackError, match=r"(?s)The process of the flow ended, exit code 9.*MemoryError"),
    ):
        flow.run({}, _Steps().as_progress)

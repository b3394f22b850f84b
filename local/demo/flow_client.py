"""The demo's end of the socket to the process that runs the flow."""

from __future__ import annotations

import select
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from local.demo.messages import Answer, FlowEvent, FlowFailed, FlowFinished, RunFlow
from local.environment import clean_environment
from local.errors import LocalStackError
from local.processes import Command, Process, Spawner, Stop
from local.state import State

if TYPE_CHECKING:  # they take long to import, and the process must start before that
    from orchestration.progress import Progress
    from orchestration.report import RunReport

_CONNECT_SECONDS = 60.0
_END_SECONDS = 10.0


class FlowFailedError(LocalStackError):
    """The flow ended with an error. `exit_code` is the exit code that its own command would have."""

    def __init__(self, failed: FlowFailed, logs: Path) -> None:
        super().__init__(f"{failed.message}\nLogs: {logs}")
        self.exit_code = failed.exit_code
        self.report = failed.report


@dataclass
class FlowProcess:
    """The process that runs the flow, started early because its imports take seconds. Use as a context manager.

    It is a separate process for two reasons. Prefect's threads and dbt must end at once on Ctrl-C, and their output
    must go to a log instead of into the demo's picture.
    """

    process: Process
    _listener: socket.socket
    _connection: Connection | None = None

    @classmethod
    def start(cls, spawner: Spawner, state: State, directory: Path) -> Self:
        """Start the process and return at once. Its socket is in `directory`, its log in the state's."""
        private = directory / "flow"
        private.mkdir(mode=0o700)
        address = private / "socket"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(address))
        listener.listen(1)
        command = Command(
            "The process of the flow",
            (sys.executable, "-m", "local.demo.flow_process", address),
            state.logs / "flow.log",
            clean_environment(state.environment),
            directory,
            # Its unfinished work belongs only to this demo, and is removed with it.
            stop=(Stop("KILL", 5.0),),
        )
        return cls(spawner.spawn(command), listener)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()
        self._listener.close()

    def ready(self) -> None:
        """Wait until the process can run the flow. Raises LocalStackError if it ends before."""
        self.process.wait_until(self._accept, _CONNECT_SECONDS)
        self._receive()

    def run(self, environment: Mapping[str, str], progress: Progress) -> RunReport:
        """Run the flow once, and pass its events to `progress`.

        Raises FlowFailedError if the flow fails, LocalStackError if its process ends.
        """
        self._connected.send(RunFlow(environment))
        while True:
            match self._receive():
                case FlowEvent(method, arguments):
                    getattr(progress, method)(*arguments)
                case FlowFinished(report):
                    return report
                case FlowFailed() as failed:
                    raise FlowFailedError(failed, self.process.command.log.parent)

    @property
    def _connected(self) -> Connection:
        if self._connection is None:
            raise AssertionError("call ready() first")
        return self._connection

    def _accept(self) -> bool:
        readable, _, _ = select.select([self._listener], [], [], 0)
        if readable:
            accepted, _ = self._listener.accept()
            self._connection = Connection(accepted.detach())
        return bool(readable)

    def _receive(self) -> Answer:
        try:
            return cast(Answer, self._connected.recv())
        except (EOFError, OSError):
            code = self.process.wait(_END_SECONDS)
            raise LocalStackError(
                f"{self.process.command.name} ended, exit code {code}.", log=self.process.command.log
            ) from None

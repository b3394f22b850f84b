"""Child processes, each under `supervise.py`: they stop on request, and when this process ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from local.accounts import Account
from local.errors import LocalStackError

_SUPERVISOR = Path(__file__).with_name("supervise.py")
_POLL_SECONDS = 0.05
_EXIT_GRACE_SECONDS = 5.0
"""What a supervisor gets beyond its stop sequence before it is killed itself."""


@dataclass(frozen=True)
class Stop:
    """One step of stopping a process: a signal's name without SIG, and the seconds to wait for its end."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Command:
    """A command line. `environment` is the whole environment; `account` is None for this process's own user."""

    name: str
    arguments: Sequence[str | Path]
    log: Path
    environment: Mapping[str, str]
    directory: Path
    account: Account | None = None
    stop: Sequence[Stop] = (Stop("TERM", 10.0),)


class Process:
    """A running command."""

    def __init__(self, command: Command, supervisor: subprocess.Popen[bytes], log_start: int) -> None:
        self.command = command
        self._supervisor = supervisor
        self._log_start = log_start

    @property
    def supervisor_pid(self) -> int:
        return self._supervisor.pid

    def output(self) -> bytes:
        """Return the command's output so far, without the log's former content."""
        with self.command.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read()

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self._supervisor.poll()

    def wait(self, seconds: float) -> int:
        """Wait for the command to end by itself. Return its exit code. Raises LocalStackError if it takes longer."""
        try:
            return self._supervisor.wait(seconds)
        except subprocess.TimeoutExpired:
            raise LocalStackError(
                f"{self.command.name} did not end within {seconds:.0f} s.", log=self.command.log
            ) from None

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Poll `ready` until it returns True. Raises LocalStackError if the process ends before, or after `seconds`."""
        deadline = time.monotonic() + seconds
        while not ready():
            code = self.poll()
            if code is not None:
                raise LocalStackError(f"{self.command.name} ended at once, exit code {code}.", log=self.command.log)
            if time.monotonic() > deadline:
                raise LocalStackError(
                    f"{self.command.name} was not ready within {seconds:.0f} s.", log=self.command.log
                )
            time.sleep(_POLL_SECONDS)

    def ask_to_stop(self) -> None:
        """Close the lifeline and return at once."""
        if self._supervisor.stdin is not None:
            self._supervisor.stdin.close()

    def stop(self) -> None:
        """Stop the command and wait for its end. Afterwards it is gone, whatever its exit code."""
        self.ask_to_stop()
        patience = sum(step.seconds for step in self.command.stop) + _EXIT_GRACE_SECONDS
        try:
            self._supervisor.wait(patience)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()


class Spawner(Protocol):
    """Starts commands."""

    def spawn(self, command: Command) -> Process: ...


@dataclass
class ProcessGroup:
    """All child processes of one stack.

    On stop, all get the request at once, and are awaited in reverse order of their start.
    """

    held_lock: int
    """Descriptor that supervisors inherit: the run directory's lock is free only when they are gone too."""
    _processes: list[Process] = field(default_factory=list)

    def spawn(self, command: Command) -> Process:
        """Start `command`. Its output is appended to its log."""
        command.log.parent.mkdir(parents=True, exist_ok=True)
        with command.log.open("ab") as log:
            log_start = log.tell()
            supervisor = subprocess.Popen(  # noqa: S603 - our own commands
                _supervised(command),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(command.environment),
                cwd=command.directory,
                start_new_session=True,
                pass_fds=(self.held_lock,),
            )
        process = Process(command, supervisor, log_start)
        self._processes.append(process)
        return process

    def stop(self) -> None:
        """Stop all running children."""
        running = list(reversed(self._processes))
        for process in running:
            process.ask_to_stop()
        for process in running:
            process.stop()
        self._processes.clear()


def _supervised(command: Command) -> list[str]:
    stop = ",".join(f"{step.name}:{step.seconds}" for step in command.stop)
    user = ["--user", f"{command.account.uid}:{command.account.gid}"] if command.account else []
    arguments = [str(argument) for argument in command.arguments]
    return [sys.executable, "-I", "-S", str(_SUPERVISOR), "--stop", stop, *user, "--", *arguments]


@contextmanager
def process_group(held_lock: int) -> Iterator[ProcessGroup]:
    """Yield a group of processes that is stopped at the end, however the block ends."""
    group = ProcessGroup(held_lock)
    try:
        yield group
    finally:
        # A Ctrl-C that arrives now is delivered afterwards, because the stopping must be complete, and is bounded in
        # time.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        try:
            group.stop()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

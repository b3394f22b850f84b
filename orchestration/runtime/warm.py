"""Processes of flow runs, forked from a process that has imported Prefect.

Prefect starts each flow run as a new interpreter, and importing Prefect takes two to three seconds of a core: more than
landing most streams does. Python's fork server imports it once. A fork is safe only with one thread, so the server
imports no module that starts another, as pyarrow and duckdb do for their memory. These imports cost a run little.

The agent imports Prefect, too. So the fork server is itself a fork of the agent, made while the agent has one thread.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import runpy
import socket
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing import forkserver, resource_tracker, util
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

from prefect.infrastructure import Process
from prefect.infrastructure.process import ProcessResult

from ingest.errors import ConfigurationError
from orchestration.runtime.certificates import read_certificates_once
from orchestration.runtime.client import let_events_log_in
from orchestration.runtime.lost_signals import dropped_stops_are_raised_again
from orchestration.runtime.results import read_no_results

_ENGINE = "prefect.engine"
_STANDARD_ERROR = 2
_IMPORTED = "orchestration.runtime.imported"


class WarmProcesses:
    """A starter of flow runs in forked processes."""

    def __init__(self) -> None:
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([_IMPORTED])
        self._starting = asyncio.Lock()

    def warm_up(self) -> None:
        """Import Prefect here, and fork the fork server. Raises ConfigurationError.

        Call this before the imports of the agent. If the process has several threads, the fork server is a new
        interpreter, which imports Prefect again. So is one that replaces a server that died. The server's socket is in
        the temporary directory.
        """
        import_module(_IMPORTED)
        try:
            with _launched_by_fork():
                forkserver.ensure_running()
        except OSError as error:
            raise ConfigurationError(
                f"cannot make a socket in the temporary directory {tempfile.gettempdir()}: {error}",
                hint="Set TMPDIR to a shorter one that can be written.",
            ) from error

    async def run(self, infrastructure: Process, task_status: Any) -> ProcessResult:
        """Run a prepared infrastructure's flow run to its end. `task_status` gets the process's identifier."""
        environment: dict[str, str] = infrastructure._get_environment_variables()
        directory = str(infrastructure.working_dir or Path.cwd())
        process = self._context.Process(target=_run_engine, args=(environment, directory))
        async with self._starting:
            await asyncio.to_thread(process.start)
        pid = process.pid
        task_status.started(f"{socket.gethostname()}:{pid}")
        return ProcessResult(status_code=await _end_of(process), identifier=str(pid))


@contextmanager
def _launched_by_fork() -> Iterator[None]:
    """Let multiprocessing launch its fork server as a fork of this process, if that is safe."""
    if not _has_one_thread():
        yield
        return
    resource_tracker.ensure_running()  # it is launched by the same function, and stays a new interpreter
    launch = util.spawnv_passfds
    util.spawnv_passfds = _fork  # type: ignore[assignment]
    try:
        yield
    finally:
        util.spawnv_passfds = launch


def _has_one_thread() -> bool:
    """Return whether this process has one thread, those of libraries included. Only Linux shows that."""
    threads = Path("/proc/self/task")
    return threads.is_dir() and len(list(threads.iterdir())) == 1


def _fork(_executable: object, command: Sequence[object], kept: Sequence[int]) -> int:
    """Run a command's Python code, its last part, in a fork that has these file descriptors open and the standard ones.

    Return the fork's process id.
    """
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _close_all_but(kept)
        # The parent holds this lock, and would not release it here.
        forkserver._forkserver._lock = threading.Lock()  # type: ignore[attr-defined]
        exec(str(command[-1]), {})  # noqa: S102 - multiprocessing's own code
    except SystemExit:
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _close_all_but(kept: Sequence[int]) -> None:
    # The highest possible number is a billion in some containers, so only those that are open are looked at.
    for descriptor in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        if descriptor > _STANDARD_ERROR and descriptor not in kept:
            with suppress(OSError):  # the one that read this list is closed already
                os.close(descriptor)


async def _end_of(process: ForkServerProcess) -> int:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(process.sentinel, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(process.sentinel)
    process.join()
    code = process.exitcode
    process.close()
    return 1 if code is None else code


def _run_engine(environment: Mapping[str, str], directory: str) -> None:
    """Run the flow run in this process, as `python -m prefect.engine` does, in that environment and directory."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    sys.argv = [_ENGINE]
    read_no_results()
    read_certificates_once()
    let_events_log_in()
    # Two warnings: that the engine is already imported, and that it is deprecated.
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="runpy")
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    with dropped_stops_are_raised_again():
        runpy.run_module(_ENGINE, run_name="__main__", alter_sys=True)

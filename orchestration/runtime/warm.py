"""Processes of flow runs, forked from a process that has imported Prefect.

Prefect starts each flow run as a new interpreter, and importing Prefect takes two to three seconds of a core: more than
landing most streams does. Python's fork server imports it once. A fork is safe only with one thread, so the server
imports no module that starts another, as pyarrow and duckdb do for their memory. These imports cost a run little.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import runpy
import socket
import sys
import tempfile
import warnings
from collections.abc import Mapping
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

from prefect.infrastructure import Process
from prefect.infrastructure.process import ProcessResult

from ingest.errors import ConfigurationError
from orchestration.runtime.certificates import read_certificates_once
from orchestration.runtime.client import let_events_log_in
from orchestration.runtime.results import read_no_results

_ENGINE = "prefect.engine"
_IMPORTED = ("orchestration.runtime.imported",)


class WarmProcesses:
    """A starter of flow runs in forked processes."""

    def __init__(self) -> None:
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(_IMPORTED))
        self._starting = asyncio.Lock()

    def warm_up(self) -> None:
        """Start the fork server, which imports Prefect in the background. Raises ConfigurationError.

        Its socket is in the temporary directory.
        """
        try:
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
    runpy.run_module(_ENGINE, run_name="__main__", alter_sys=True)

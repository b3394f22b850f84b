"""Work of a run's dbt that can be done before the plan is known: importing dbt, and parsing the project.

It takes seconds of one core, while sources are read and the lake is loaded. It is only a shortcut: if it fails, the
build does the work itself and reports the error.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock
from typing import Self

from ingest.errors import PlatformError
from orchestration.dbt import waiting
from orchestration.dbt.project import dbt_project
from orchestration.dbt.runner import DbtProject, DbtRunner, end, executable, spawn
from orchestration.runs import RunFolder, make_run_folder
from orchestration.settings import OrchestrationSettings
from orchestration.warehouse.protocol import Warehouse


class RunDbt:
    """The dbt of one run. On exit of its context, a process that was started and not used is ended."""

    def __init__(self, settings: OrchestrationSettings, warehouse: Warehouse, run_id: str) -> None:
        self._settings = settings
        self._warehouse = warehouse
        self._run_id = run_id
        self._one_at_a_time = Lock()
        self._waiting: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._waiting is not None:
            _close(self._waiting)

    def start_unparsed(self) -> None:
        """Start the build's dbt process if no earlier parsing is kept, because parsing a whole project takes long."""
        self._start(only_unparsed=True)

    def start(self) -> None:
        """Start the build's dbt process, which imports dbt, parses the project and waits, unless it is started.

        Return at once. Any thread may call it.
        """
        self._start(only_unparsed=False)

    def runner(self, *, full_tests: bool) -> DbtRunner:
        """Return dbt for the build, which a started process does. Raises ConfigurationError for bad settings."""
        return self._runner(self.make_folder(), full_tests=full_tests)

    def make_folder(self) -> RunFolder:
        """Make the run's folder. Raises ConfigurationError if it cannot be written."""
        return make_run_folder(self._settings.runs_dir, self._run_id, keep=self._settings.runs_kept)

    def _start(self, *, only_unparsed: bool) -> None:
        with self._one_at_a_time, suppress(PlatformError, OSError):
            if self._waiting is not None:
                return
            folder = self.make_folder()
            runner = self._runner(folder)
            project = runner.project
            if executable().exists() and not (only_unparsed and project.parsed):
                adapter = self._settings.warehouse.value
                program = waiting.command(adapter, folder.templates, folder.partial_parse, runner.parsing_ahead())
                self._waiting = spawn(project, program, stdin=subprocess.PIPE)

    def _runner(self, folder: RunFolder, *, full_tests: bool = True) -> DbtRunner:
        project = dbt_project(self._settings, self._warehouse, folder, full_tests=full_tests)
        return DbtRunner(project, folder.path / "dbt", self._spawn)

    def _spawn(self, project: DbtProject, command: Sequence[str]) -> subprocess.Popen[str]:
        process, self._waiting = self._waiting, None
        if process is None:
            return spawn(project, command)
        assert process.stdin is not None  # noqa: S101 - a pipe
        try:
            with process.stdin as orders:
                orders.write(waiting.order(command[1:], project.whole_environment))
        except OSError:  # it has died in the meantime
            _close(process)
            return spawn(project, command)
        return process


def _close(process: subprocess.Popen[str]) -> None:
    """End a dbt process that is not needed."""
    end(process)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()

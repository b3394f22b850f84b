"""Work of a run's dbt that can begin before the plan is known: parsing a new project, and importing dbt.

Each takes seconds of one core, while sources are read and the lake is loaded. They are only shortcuts: if one of them
fails, the build does the work itself and reports the error.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Self

from ingest.errors import PlatformError
from orchestration.dbt import waiting
from orchestration.dbt.project import dbt_project
from orchestration.dbt.runner import DbtProject, DbtRunner, end, executable, spawn
from orchestration.runs import RunFolder, make_run_folder
from orchestration.settings import OrchestrationSettings
from orchestration.warehouse.protocol import Warehouse


class RunDbt:
    """The dbt of one run. On exit of its context, work that was begun and not used is ended."""

    def __init__(self, settings: OrchestrationSettings, warehouse: Warehouse, run_id: str) -> None:
        self._settings = settings
        self._warehouse = warehouse
        self._run_id = run_id
        self._parsing: _Parsing | None = None
        self._waiting: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._parsing is not None:
            self._parsing.end()
        if self._waiting is not None:
            _close(self._waiting)

    def parse(self) -> None:
        """Begin to parse the project if no earlier parsing is kept, and return at once."""
        with suppress(PlatformError, OSError):
            folder = self.make_folder()
            project = dbt_project(self._settings, self._warehouse, folder)
            if project.parsed is None and executable().exists():
                self._parsing = _Parsing(project, folder.path / "parse", self._program(folder))

    def start(self) -> None:
        """Start the dbt process for the build, which imports its modules and waits. Return at once."""
        with suppress(PlatformError, OSError):
            folder = self.make_folder()
            project = dbt_project(self._settings, self._warehouse, folder)
            if executable().exists():
                self._waiting = spawn(project, self._program(folder), stdin=subprocess.PIPE)

    def runner(self, *, full_tests: bool) -> DbtRunner:
        """Return dbt for the build, after the parsing has ended. Raises ConfigurationError for bad settings."""
        if self._parsing is not None:
            self._parsing.wait()
        folder = self.make_folder()
        project = dbt_project(self._settings, self._warehouse, folder, full_tests=full_tests)
        return DbtRunner(project, folder.path / "dbt", self._spawn)

    def make_folder(self) -> RunFolder:
        """Make the run's folder. Raises ConfigurationError if it cannot be written."""
        return make_run_folder(self._settings.runs_dir, self._run_id, keep=self._settings.runs_kept)

    def _program(self, folder: RunFolder) -> tuple[str, ...]:
        return waiting.command(self._settings.warehouse.value, folder.templates)

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


class _Parsing:
    """A dbt process that parses the project in the background. `program` runs dbt with the arguments after it."""

    def __init__(self, project: DbtProject, run_dir: Path, program: Sequence[str]) -> None:
        self._program = program
        self._runner = DbtRunner(project, run_dir, self._spawn)
        self._process: subprocess.Popen[str] | None = None
        self._begun = Event()
        self._thread = Thread(target=self._parse, name="dbt-parse", daemon=True)
        self._thread.start()
        self._begun.wait()

    def wait(self) -> None:
        """Wait until the process ends, whatever its exit code."""
        self._thread.join()

    def end(self) -> None:
        """End the process if it still runs."""
        if self._process is not None and self._thread.is_alive():
            end(self._process)
        self._thread.join()

    def _parse(self) -> None:
        with suppress(PlatformError, OSError):
            try:
                self._runner.parse()
            finally:
                self._begun.set()
        # Only the kept parsing is used. Nobody reads the manifest beside it.
        shutil.rmtree(self._runner.target_dir, ignore_errors=True)

    def _spawn(self, project: DbtProject, command: Sequence[str]) -> subprocess.Popen[str]:
        self._process = spawn(project, (*self._program, *command[1:]))
        self._begun.set()
        return self._process


def _close(process: subprocess.Popen[str]) -> None:
    """End a dbt process that is not needed."""
    end(process)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()

"""Runs dbt as a subprocess, by this environment's own executable, and passes its events on while it runs.

dbt is a subprocess because in this process it would keep DuckDB's file open. It has its own session, so that Ctrl-C at
the terminal reaches only us, and we end dbt and its child processes.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from common.foreign_text import keep_secret, redacted
from ingest.errors import ConfigurationError, FatalError
from orchestration.dbt.events import (
    DbtComplaint,
    DbtEvent,
    EventReader,
    MacroMessage,
    NodeFinished,
    NodeMessage,
    NodeStarted,
)

NodeEvent = NodeStarted | NodeFinished | NodeMessage

NOT_FOR_DBT = ("POSTGRES_", "SAAS_", "AWS_", "DBT_", "SNOWFLAKE_", "PREFECT_")
"""Prefixes of variables that dbt has no use for, or that would override what we pass."""
PARSED = Path("target/partial_parse.msgpack")
"""Where dbt keeps what it has parsed, within a project."""
NOT_OF_A_RUN = ("resource_type:unit_test",)
"""What a run leaves to those who change the models."""
OWN_DATA = ("source:ops+",)
"""What dbt makes of the platform's own data, and tests of it."""
# NodeStart and NodeFinished have the debug level. dbt's own log file is off, because it would hold SQL.
_LOGGED = ("--log-format=json", "--log-level=debug", "--log-level-file=none", "--no-use-colors")
_SILENT = ("--quiet", "--log-level=none", "--log-level-file=none")
_STOP_SECONDS = 10.0
_TAIL_LINES = 20


def failed_nodes(results: Sequence[NodeFinished]) -> tuple[NodeFinished, ...]:
    """Return the failed nodes: first those that could not be built, then tests, each by name.

    They are sorted because threads end in any order.
    """
    failed = [node for node in results if node.failed]
    return tuple(sorted(failed, key=lambda node: (node.resource_type == "test", node.name)))


def executable() -> Path:
    """Return the path of this environment's dbt."""
    return Path(sys.executable).with_name("dbt")


class DbtFailure(FatalError):
    """dbt failed. `failed` are the failed nodes, `results` all nodes that ended. Both are empty if dbt ran no node."""

    def __init__(
        self,
        message: str,
        *,
        stream: str | None = None,
        hint: str | None = None,
        results: Sequence[NodeFinished] = (),
    ) -> None:
        super().__init__(message, stream=stream, hint=hint)
        self.results = tuple(results)
        self.failed = failed_nodes(results)


@dataclass(frozen=True)
class DbtProject:
    """The dbt project to run, its target and its environment.

    `secrets` are values that must not reach the log. `partial_parse` keeps dbt's parsing between runs. As long as that
    file does not exist, the project's own `PARSED` is used, which an image contains.
    """

    project_dir: Path
    profiles_dir: Path
    target: str
    threads: int
    environment: Mapping[str, str]
    partial_parse: Path
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def parsed(self) -> Path | None:
        """The file with the kept parsing of the project; None if nobody has parsed it yet."""
        return next(filter(Path.exists, (self.partial_parse, self.project_dir / PARSED)), None)

    @property
    def whole_environment(self) -> dict[str, str]:
        """All variables of dbt's process."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(NOT_FOR_DBT)}
        return {
            **inherited,
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_TARGET": self.target,
            "DBT_THREADS": str(self.threads),
            "PYTHONUNBUFFERED": "1",
            **self.environment,
        }


Spawn = Callable[[DbtProject, Sequence[str]], "subprocess.Popen[str]"]
"""Starts dbt's command line for a project, with pipes for its output and its errors."""


def spawn(project: DbtProject, command: Sequence[str], *, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    """Start a program in the project's folder, with its whole environment, in a session of its own."""
    return subprocess.Popen(  # noqa: S603 - our own dbt
        command,
        cwd=project.project_dir,
        env=project.whole_environment,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
        umask=0o077,  # the database, its log and the artifacts hold the same data as RAW
    )


class DbtRunner:
    """A runner of dbt with its artifacts and its log in `run_dir`: `target/`, `dbt.jsonl`, `dbt.stderr`.

    `spawn` starts its process. By default it starts dbt's executable in a new process.
    """

    def __init__(self, project: DbtProject, run_dir: Path, spawn: Spawn = spawn) -> None:
        keep_secret(*project.secrets)
        self.project = project
        self._run_dir = run_dir
        self._spawn = spawn

    @property
    def target_dir(self) -> Path:
        """The folder of compiled SQL, manifest.json and run_results.json."""
        return self._run_dir / "target"

    def build(
        self,
        *,
        full_refresh: bool = False,
        select: Sequence[str] = (),
        exclude: Sequence[str] = NOT_OF_A_RUN,
        on_event: Callable[[NodeEvent], None] = lambda event: None,
    ) -> tuple[NodeFinished, ...]:
        """Build and test. Return the end of every node. `on_event` gets each start, message and end at once.

        Raises DbtFailure that names the failed nodes and their compiled SQL, or dbt's own error. Raises
        ConfigurationError if there is no dbt or no project. Any exception that passes through ends dbt.
        """
        selection = [*(f"--select={item}" for item in select), *(f"--exclude={item}" for item in exclude)]

        def hear(event: NodeEvent | MacroMessage) -> None:
            if not isinstance(event, MacroMessage):
                on_event(event)

        return self._run(["build", *selection, *(["--full-refresh"] if full_refresh else [])], hear)

    def parse(self) -> None:
        """Parse the project, and keep dbt's parsing for the next run. Raises the same errors as `build`."""
        self._run(["parse"], lambda event: None)

    def parsing_ahead(self) -> Sequence[str]:
        """Return dbt's arguments to parse the project for a later build in the same process, without any output."""
        return self._arguments(["parse"], _SILENT)

    def run_operation(self, macro: str) -> tuple[str, ...]:
        """Run a macro of the project.

        Return the messages that it logs for people. Raises the same errors as `build`.
        """
        said: list[str] = []

        def note(event: NodeEvent | MacroMessage) -> None:
            if isinstance(event, MacroMessage):
                said.append(event.text)

        self._run(["run-operation", macro], note)
        return tuple(said)

    def _run(
        self, arguments: Sequence[str], on_event: Callable[[NodeEvent | MacroMessage], None]
    ) -> tuple[NodeFinished, ...]:
        self._run_dir.mkdir(parents=True, exist_ok=True)
        reader = EventReader(self.target_dir)
        results: list[NodeFinished] = []
        complaints: list[str] = []
        with self._process(arguments) as (process, lines):
            for event in map(reader.read, lines):
                if isinstance(event, NodeFinished):
                    results.append(event)
                if isinstance(event, DbtComplaint):
                    complaints.append(event.message)
                elif event is not None:
                    on_event(event)
            code = process.wait()
        self._keep_parsing()
        if code != 0:
            raise self._failure(code, results, complaints)
        return tuple(results)

    @contextmanager
    def _process(self, arguments: Sequence[str]) -> Iterator[tuple[subprocess.Popen[str], Iterator[str]]]:
        command = self._command(arguments)
        with (
            (self._run_dir / "dbt.jsonl").open("a", encoding="utf-8") as log,
            (self._run_dir / "dbt.stderr").open("w", encoding="utf-8") as errors,
        ):
            process = self._spawn(self.project, command)
            assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 - pipes
            # Through a pipe: if this process is killed, its dbt lives on for a while and must write its errors nowhere.
            complaining = threading.Thread(target=_copy_redacted, args=(process.stderr, errors), daemon=True)
            complaining.start()
            try:
                yield process, self._logged(process.stdout, log)
            finally:
                end(process)
                process.stdout.close()
                complaining.join(_STOP_SECONDS)

    def _command(self, arguments: Sequence[str]) -> list[str]:
        project = self.project
        dbt = executable()
        if not dbt.exists():
            raise ConfigurationError(f"there is no {dbt}", hint="Install dbt-core into this environment.")
        if not (project.project_dir / "dbt_project.yml").exists():
            raise ConfigurationError(
                f"there is no dbt project in {project.project_dir}", hint="Correct DBT_PROJECT_DIR."
            )
        return [str(dbt), *self._arguments(arguments, _LOGGED)]

    def _arguments(self, arguments: Sequence[str], log: Sequence[str]) -> list[str]:
        project = self.project
        parsed = [f"--partial-parse-file-path={project.parsed}"] if project.parsed else []
        places = [
            f"--project-dir={project.project_dir}",
            f"--profiles-dir={project.profiles_dir}",
            f"--target={project.target}",
            f"--threads={project.threads}",
            f"--target-path={self.target_dir}",
            f"--log-path={self._run_dir}",
        ]
        return [*log, *parsed, *arguments, *places]

    def _logged(self, output: IO[str], log: IO[str]) -> Iterator[str]:
        """Yield the lines of dbt's output without secrets, and write each to our own log without its SQL."""
        for line in map(redacted, output):
            if '"name": "SQLQuery"' not in line:
                log.write(line)
                log.flush()
            yield line

    def _keep_parsing(self) -> None:
        """Keep dbt's parsing for the next run. It only saves time, so a failure is no error."""
        parsed = self.target_dir / PARSED.name
        if parsed.exists():
            draft = self.project.partial_parse.with_suffix(f".{os.getpid()}")
            shutil.copyfile(parsed, draft)
            draft.chmod(0o600)  # it holds the environment variables that models read
            draft.replace(self.project.partial_parse)

    def _failure(self, code: int, results: Sequence[NodeFinished], complaints: Sequence[str]) -> DbtFailure:
        failed = failed_nodes(results)
        log = f"dbt's log: `cat {shlex.quote(str(self._run_dir / 'dbt.jsonl'))}`"
        if failed:
            listed = "\n".join(f"  {node}" for node in failed)
            skipped = sum(node.status == "skipped" for node in results)
            return DbtFailure(
                f"{len(failed)} of {len(results)} dbt nodes failed, {skipped} were skipped after them:\n{listed}\n",
                hint=log,
                results=results,
            )
        reason = "\n".join(complaints) or self._tail() or f"exit code {code}"
        return DbtFailure(f"dbt could not run: {reason}", hint=log, results=results)

    def _tail(self) -> str:
        with (self._run_dir / "dbt.stderr").open(encoding="utf-8", errors="replace") as errors:
            return "".join(deque(errors, maxlen=_TAIL_LINES)).strip()


def _copy_redacted(source: IO[str], target: IO[str]) -> None:
    """Copy dbt's standard error line by line, without secrets, until it ends."""
    with source:
        for line in source:
            target.write(redacted(line))
            target.flush()


def end(process: subprocess.Popen[str]) -> None:
    """Interrupt a running dbt, so that it rolls back. If it does not end in time, kill its whole session."""
    if process.poll() is not None:
        return
    try:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(_STOP_SECONDS)
    except ProcessLookupError:  # it has ended in the meantime
        process.wait()
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


__all__ = ["DbtEvent", "DbtFailure", "DbtProject", "DbtRunner", "NodeEvent"]

"""The platform's commands as real processes that cost little to start, so that hundreds of them can be killed.

They are forked from a server that has imported all that they need and done nothing with it: no connection, no thread,
no client is shared. A forked command runs its `main` with arguments and environment of its own, and ends by itself, or
by SIGKILL.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_IMPORTED = [
    "adbc_driver_postgresql.dbapi",
    "boto3.session",
    "duckdb",
    "ingest.cli.app",
    "ingest.cli.render",
    "ingest.run.runner",
    "orchestration.warehouse.__main__",
    "orchestration.warehouse.cli.commands",
    "orchestration.warehouse.cli.render",
    "pyarrow.compute",
    "pyarrow.parquet",
]
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(_IMPORTED)


@dataclass
class Victim:
    """A running command. `output` is the file of its two output streams."""

    arguments: Sequence[str]
    process: ForkServerProcess
    output: Path

    @property
    def pid(self) -> int:
        """The process id."""
        assert self.process.pid is not None
        return self.process.pid

    def kill(self) -> None:
        """Kill the victim with SIGKILL, so that it can finish nothing."""
        self.process.kill()

    def wait(self, seconds: float | None = None) -> int | None:
        """Return its exit code (negative: the signal), None if it still runs after `seconds`."""
        self.process.join(seconds)
        return self.process.exitcode

    @property
    def said(self) -> str:
        """The output so far."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def __str__(self) -> str:
        return " ".join(self.arguments)


def start(arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> Victim:
    """Start `ingest ...` or `warehouse ...` (which is `python -m orchestration.warehouse ...`)."""
    output.parent.mkdir(parents=True, exist_ok=True)
    process = _context.Process(target=_command, args=(list(arguments), dict(environment), str(output)))
    process.start()
    return Victim(arguments, process, output)


def _command(arguments: list[str], environment: dict[str, str], output: str) -> None:
    """Run a command in the forked process."""
    _redirect(output)
    os.chdir(Path(output).parent)
    os.environ.update(environment)
    program, sys.argv = arguments[0], arguments
    if program == "ingest":
        from ingest.cli.app import main
    else:
        from orchestration.warehouse.__main__ import main
    main()


def _redirect(output: str) -> None:
    descriptor = os.open(output, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)

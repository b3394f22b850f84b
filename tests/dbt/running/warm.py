"""dbt, imported once and forked for each invocation: a process of its own as the flow's is, and no seconds of import.

`python -m tests.dbt.running.warm SOCKET TARGET` serves until its standard input ends. A request is a line of JSON,
Invocation's fields; the answer is the exit code.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Thread


@dataclass(frozen=True)
class Invocation:
    """dbt's arguments, the folder and the whole environment that it runs in, and the file that its output goes to."""

    arguments: Sequence[str]
    folder: str
    environment: Mapping[str, str]
    output: str


@dataclass(frozen=True)
class WarmDbt:
    """A process that has imported dbt. `folder` is its own, and goes with it."""

    folder: Path

    def run(self, invocation: Invocation) -> int:
        """Fork it, and wait; the exit code. Raises EOFError where dbt's process died of something else."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.folder / "socket"))
            client.sendall(json.dumps(asdict(invocation)).encode() + b"\n")
            answer = client.makefile().read()
        if not answer:
            raise EOFError(f"dbt died without an exit code: {Path(invocation.output).read_text()}")
        return int(answer)


@cache
def warm_dbt(target: str) -> WarmDbt:
    """The one of this process for a target's adapter, started by the first call."""
    folder = tempfile.TemporaryDirectory(prefix="dbt-")
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(Path(folder.name) / "socket"), target],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def stop() -> None:
        process.communicate()
        folder.cleanup()

    atexit.register(stop)
    assert process.stdout.readline() == b"ready\n", "dbt could not be imported"
    return WarmDbt(Path(folder.name))


class _Handler(socketserver.StreamRequestHandler):
    """Runs in the fork."""

    def handle(self) -> None:
        invocation = Invocation(**json.loads(self.rfile.readline()))
        output = os.open(invocation.output, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(invocation.folder)
        os.environ.clear()
        os.environ.update(invocation.environment)
        code = _run(invocation.arguments)
        sys.stdout.flush()
        sys.stderr.flush()
        self.wfile.write(str(code).encode())


def _run(arguments: Sequence[str]) -> int:
    from dbt.cli.main import cli

    try:
        cli(list(arguments))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        atexit._run_exitfuncs()  # as the end of an interpreter does: DuckDB's adapter closes its file so
    return 0


class _Server(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    """One fork a connection."""


def main() -> None:
    """Serve."""
    path, target = sys.argv[1:]
    import_module("dbt.cli.main")
    import_module(f"dbt.adapters.{target}")
    assert threading.active_count() == 1, "a process with threads cannot be forked"
    with _Server(path, _Handler) as server:
        # The thread that waits for the end only reads: it holds no lock that a fork could miss.
        Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
        print("ready", flush=True)
        server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main()

"""dbt, imported once and forked for each invocation: a separate process like the flow's, without seconds of import.

`python -m tests.dbt.running.warm SOCKET TARGET` serves until its standard input ends. `warm_client.py` is its client.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import shlex
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from multiprocessing import resource_tracker
from pathlib import Path
from threading import Thread
from typing import Any

from orchestration.dbt.templates import KeptTemplates
from tests.dbt.running import warm_client
from tests.dbt.running.parsed import (
    PARSED,
    Unpacked,
    kept_folder,
    parse_alike_for_all_connections,
    parse_our_project,
)

_NO_WORD_OF_LOCKS = "ignore::UserWarning:multiprocessing.resource_tracker"
"""A fork ends without giving its locks back; they end with the warm dbt."""
_COLLECT_AFTER = 100_000
"""Objects: dbt makes many, and keeps most of them to its end."""


@dataclass(frozen=True)
class Invocation:
    """One invocation: dbt's arguments, its folder and whole environment, and the file for its output.

    `manifest` says whether the caller reads the manifest.
    """

    arguments: Sequence[str]
    folder: str
    environment: Mapping[str, str]
    output: str
    manifest: bool = True


@dataclass(frozen=True)
class WarmDbt:
    """A process that has imported dbt. `folder` is private to it, and is removed with it."""

    folder: Path

    @property
    def executable(self) -> Path:
        """An executable to run in place of dbt's own."""
        return self.folder / "dbt"

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    def run(self, invocation: Invocation) -> int:
        """Run an invocation in a fork, and wait. Return the exit code. Raises EOFError if dbt's process died."""
        output = os.open(invocation.output, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        try:
            code = warm_client.ask(
                str(self.socket),
                invocation.arguments,
                invocation.folder,
                invocation.environment,
                (output, output),
                umask=0o022,
                manifest=invocation.manifest,
            )
        finally:
            os.close(output)
        if code is None:
            raise EOFError(f"dbt died without an exit code: {Path(invocation.output).read_text()}")
        return code


@cache
def warm_dbt(target: str) -> WarmDbt:
    """Return this process' warm dbt for a target's adapter. The first call starts it."""
    folder = tempfile.TemporaryDirectory(prefix="dbt-")
    warm = WarmDbt(Path(folder.name))
    process = subprocess.Popen(
        [sys.executable, "-W", _NO_WORD_OF_LOCKS, "-m", __name__, str(warm.socket), target],
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
    client = shlex.join([sys.executable, "-I", "-S", warm_client.__file__, str(warm.socket)])
    warm.executable.write_text(f'#!/bin/sh\nexec {client} "$@"\n', encoding="utf-8")
    warm.executable.chmod(0o700)
    assert process.stdout.readline() == b"ready\n", "dbt could not be imported"
    return warm


@dataclass(frozen=True)
class _Asked:
    """A requested invocation, and the file descriptors of its output and errors."""

    arguments: Sequence[str]
    folder: str
    environment: Mapping[str, str]
    umask: int
    manifest: bool
    outputs: Sequence[int]

    @classmethod
    def received(cls, request: socket.socket) -> _Asked:
        _, outputs, _, _ = socket.recv_fds(request, 1, 2)
        with request.makefile("rb") as lines:
            return cls(**json.loads(lines.readline()), outputs=outputs)

    @property
    def parsed(self) -> Path:
        """The file with dbt's earlier parsing."""
        return Path(self.environment.get("DBT_TARGET_PATH", self.folder), PARSED)


def _look_once_for_secrets() -> None:
    """Cache dbt's search for secrets in the environment, which it repeats for each line of its log."""
    from dbt_common.events import functions

    functions.env_secrets = cache(functions.env_secrets)


def _name_callers_quickly() -> None:
    """Patch dbt's search for the caller's module: it reads the source of each function on the stack."""
    from dbt_common.behavior_flags import BehaviorFlagRendered

    def caller() -> str:
        frame = sys._getframe()
        while frame and frame.f_globals["__name__"] in (__name__, BehaviorFlagRendered.__module__):
            frame = frame.f_back
        return frame.f_globals["__name__"] if frame else "Unknown"

    BehaviorFlagRendered._default_source = staticmethod(caller)


class _Handler(socketserver.BaseRequestHandler):
    """A request handler, which runs in the fork."""

    server: _Server
    request: socket.socket

    def handle(self) -> None:
        asked = self.server.asked
        assert asked is not None
        os.umask(asked.umask)
        for number, output in enumerate(asked.outputs, start=1):
            os.dup2(output, number)
            os.close(output)
        os.chdir(asked.folder)
        os.environ.clear()
        os.environ.update(asked.environment)
        if not asked.manifest:
            _write_no_manifest()
        self.request.sendall(f"{os.getpid()}\n".encode())
        code = _run(asked.arguments)
        atexit._run_exitfuncs()  # as the end of an interpreter does: DuckDB's adapter closes its file so
        sys.stdout.flush()
        sys.stderr.flush()
        self.request.sendall(f"{code}\n".encode())


def _write_no_manifest() -> None:
    """Prevent dbt from writing the manifest, which it does twice and which takes a second."""
    from dbt.parser import manifest
    from dbt.task import runnable

    manifest.write_manifest = runnable.write_manifest = lambda *_, **__: None


def _run(arguments: Sequence[str]) -> int:
    from dbt.cli.main import cli

    try:
        cli(list(arguments))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


class _Server(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    """A server with one fork for each connection. `asked` is the newest request."""

    def __init__(self, path: str, templates: KeptTemplates) -> None:
        super().__init__(path, _Handler)
        self.asked: _Asked | None = None
        self._templates = templates
        self._parsed = Unpacked()
        for _ in range(2):
            self._parsed.prepare(Path(path).with_name(PARSED))

    def process_request(self, request: Any, client_address: Any) -> None:
        self.asked = _Asked.received(request)
        self._parsed.prepare(self.asked.parsed)
        self._templates.read()
        super().process_request(request, client_address)
        for output in self.asked.outputs:
            os.close(output)


def _make_schemas(target: str) -> None:
    """Make the JSON schemas by which dbt checks YAML in advance, which takes half a second."""
    from dbt.contracts import project
    from dbt.contracts.selection import SelectorFile

    kinds = (project.Configuration, project.PackageConfig, project.ProfileConfig, project.Project, project.ProjectFlags)
    credentials = import_module(f"dbt.adapters.{target}").Plugin.credentials
    for kind in (*kinds, SelectorFile, credentials):
        kind.json_schema()
        with suppress(Exception):  # how it is read is compiled before something is found to be missing
            kind.from_dict({})


def main() -> None:
    """Serve."""
    path, target = sys.argv[1:]
    for module in ("cli.main", f"adapters.{target}", "task.build", "task.compile"):
        import_module(f"dbt.{module}")
    kept = kept_folder()
    templates = KeptTemplates(kept / "compiled_templates")
    templates.take_over()
    _look_once_for_secrets()
    _name_callers_quickly()
    import_module("orchestration.dbt.lighter").make_lighter()
    parse_alike_for_all_connections()
    parse_our_project(kept, Path(path).parent, target, _run)
    _make_schemas(target)
    resource_tracker.ensure_running()  # dbt's locks start one, for each fork where there is none
    assert threading.active_count() == 1, "a process with threads cannot be forked"
    # What is imported stays, and is not to be copied into each fork by a collection that looks at it.
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 50, 50)
    with _Server(path, templates) as server:
        # The thread that waits for the end only reads: it holds no lock that a fork could miss.
        Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
        print("ready", flush=True)
        server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main()

"""dbt's builds, each in a fork of a process that has imported dbt, and their statements by node.

A process of its own, as the flow's dbt is: in ours it would hold DuckDB's file open.
"""

from __future__ import annotations

import atexit
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.measure import BenchError

_OF_NO_NODE = ""
_NOTHING_TO_BUILD = "exposure."
_SECONDS = 600.0


@dataclass(frozen=True)
class Build:
    """A build's nodes by how they ended, and its statements by node; those of no node are under an empty name."""

    nodes: Mapping[str, str]
    statements: Mapping[str, int]


@dataclass(frozen=True)
class Builder:
    """Builds one project. `target` keeps what dbt has parsed between builds, as the flow does."""

    project: Path
    target: Path
    threads: int

    def build(self, environment: Mapping[str, str], options: Sequence[str]) -> Build:
        """`dbt build` with these options and this environment. Raises BenchError where a node fails."""
        arguments = [
            "--no-use-colors",
            "--log-level=none",
            "--log-level-file=none",
            "build",
            f"--project-dir={self.project}",
            f"--profiles-dir={self.project}",
            f"--target-path={self.target}",
            f"--threads={self.threads}",
            *options,
        ]
        processes = get_context("forkserver")
        processes.set_forkserver_preload(["dbt.cli.main", "dbt.adapters.duckdb"])
        ours, theirs = processes.Pipe()
        process = processes.Process(target=_build, args=(theirs, arguments, dict(environment)))
        process.start()
        theirs.close()
        try:
            if not ours.poll(_SECONDS):
                raise BenchError(f"dbt did not end within {_SECONDS:.0f} s")
            problem, nodes, statements = ours.recv()
        except EOFError:
            raise BenchError("dbt ended without an answer") from None
        finally:
            ours.close()
            process.join(_SECONDS)
        if problem:
            raise BenchError(f"dbt: {problem}")
        return Build(nodes, statements)


def _build(answer: Connection, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """In the fork: build, and send what came of it once the database is closed."""
    from dbt.cli.main import dbtRunner

    os.environ.clear()
    os.environ.update(environment)
    statements: Counter[str] = Counter()

    def count(event: Any) -> None:
        if event.info.name == "SQLQuery":
            statements[event.data.node_info.unique_id or _OF_NO_NODE] += 1

    done = dbtRunner(callbacks=[count]).invoke(list(arguments))
    results = {result.node.unique_id: str(result.status) for result in getattr(done.result, "results", ())}
    nodes = {name: how for name, how in results.items() if not name.startswith(_NOTHING_TO_BUILD)}
    problem = "" if done.success else str(done.exception or [name for name, how in nodes.items() if how in _FAILED])
    atexit._run_exitfuncs()  # as the end of an interpreter does: DuckDB's adapter closes its file so
    answer.send((problem, nodes, dict(statements)))


_FAILED = ("error", "fail", "runtime error", "partial success", "skipped")

"""dbt's builds, each in a fork of a process that has imported dbt, and the statements that dbt would send Snowflake.

It is a separate process, as the flow's dbt is: in ours it would keep DuckDB's file open.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.measure import BenchError
from bench.week.statements import OF_A_RUN, statements
from common.garbage import collect_seldom
from orchestration.runs import TEMPLATES

_OF_NO_NODE = ""
_NOTHING_TO_BUILD = "exposure."
_SECONDS = 600.0


@dataclass(frozen=True)
class Build:
    """A build's nodes with their status, and by node the statements that dbt would send Snowflake ("": outside a node).

    `of_news` are the statements of a build that reads only new rows, as this one may be.
    """

    nodes: Mapping[str, str]
    statements: Mapping[str, int]
    of_news: Mapping[str, int]


@dataclass(frozen=True)
class Builder:
    """A builder of one project. `target` keeps dbt's parsing and templates between builds, as the flow does."""

    project: Path
    target: Path
    threads: int

    def build(self, environment: Mapping[str, str], options: Sequence[str]) -> Build:
        """Run `dbt build` with these options and this environment. Raises BenchError if a node fails."""
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
        processes.set_forkserver_preload(["dbt.cli.main", "dbt.adapters.duckdb", "orchestration.dbt.lighter"])
        ours, theirs = processes.Pipe()
        given = (theirs, arguments, dict(environment), self.target / TEMPLATES)
        process = processes.Process(target=_build, args=given)
        process.start()
        theirs.close()
        try:
            if not ours.poll(_SECONDS):
                raise BenchError(f"dbt did not end within {_SECONDS:.0f} s")
            problem, nodes, *counts = ours.recv()
        except EOFError:
            raise BenchError("dbt ended without an answer") from None
        finally:
            ours.close()
            process.join(_SECONDS)
        if problem:
            raise BenchError(f"dbt: {problem}")
        return Build(nodes, *counts)


def _build(answer: Connection, arguments: Sequence[str], environment: Mapping[str, str], templates: Path) -> None:
    """In the fork: build as a run does, and send the result after the database is closed."""
    from dbt.cli.main import dbtRunner

    from orchestration.dbt.lighter import make_lighter
    from orchestration.dbt.templates import KeptTemplates

    collect_seldom()
    make_lighter()
    KeptTemplates(templates).take_over()

    os.environ.clear()
    os.environ.update(environment)
    done = dbtRunner().invoke(list(arguments))
    built = getattr(done.result, "results", ())
    results = {result.node.unique_id: str(result.status) for result in built}
    nodes = {name: how for name, how in results.items() if not name.startswith(_NOTHING_TO_BUILD)}
    problem = "" if done.success else str(done.exception or [name for name, how in nodes.items() if how in _FAILED])
    atexit._run_exitfuncs()  # as the end of an interpreter does, by which DuckDB's adapter closes its file
    sent = [result.node.to_dict() for result in built if result.node.unique_id in nodes]
    everything = environment.get("FULL_TESTS") != "false"
    answer.send((problem, nodes, *(_statements(sent, everything=looked) for looked in (everything, False))))


def _statements(nodes: Sequence[Mapping[str, Any]], *, everything: bool) -> dict[str, int]:
    return {_OF_NO_NODE: OF_A_RUN} | {node["unique_id"]: statements(node, everything=everything) for node in nodes}


_FAILED = ("error", "fail", "runtime error", "partial success", "skipped")

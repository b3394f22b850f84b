"""The final state of a flow run in Prefect. Its message is a summary, or the failure and the remedy.

A raised exception would work as well, but Prefect puts words of its own before the message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect.states import Completed, Failed, State

from ingest.errors import PlatformError, first_line
from orchestration.dbt.runner import DbtFailure
from orchestration.prefect.show import artifacts
from orchestration.report import RunFailedError, RunReport


def ended(report: RunReport) -> State[Any]:
    """Write the run's artifacts, and return its final state.

    The state's result is the report, or a RunFailedError with it.
    """
    artifacts.show(report)
    if not report.problems:
        return Completed(message=artifacts.headline(report), data=report)
    return Failed(message=failure_message(report.problems), data=RunFailedError.of(report))


def refused(error: PlatformError) -> State[Any]:
    """Return the final state of a run that could not begin because of bad parameters or settings."""
    artifacts.show_refusal(error)
    return Failed(message=f"The run could not begin: {error}", data=error)


def failure_message(problems: Sequence[PlatformError]) -> str:
    """Return a failed state's message.

    Lists show only its first line: the failure and, if it fits, the remedy.
    """
    told = list(dict.fromkeys(str(problem).strip() for problem in problems))
    if len(told) == 1 and "\n" not in told[0]:
        return told[0]
    failed = ", ".join(dict.fromkeys(map(_subject, problems)))
    return "\n\n".join([f"{len(told)} problem{'s' if len(told) > 1 else ''}: {failed}", *told])


def _subject(problem: PlatformError) -> str:
    """Return a short name of what failed."""
    if isinstance(problem, DbtFailure) and problem.failed:
        first, *more = [f"{node.resource_type} {node.name}" for node in problem.failed]
        return f"dbt {first}{f' and {len(more)} more' if more else ''}"
    return problem.stream or first_line(problem)

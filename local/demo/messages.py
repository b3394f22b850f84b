"""The messages between the demo and the process of its flow: pickles over a socket.

The socket lies in a directory that only this user can enter, so that nobody else can send a pickle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it takes long to import, and the demo that starts the process has no report yet
    from orchestration.report import RunReport


@dataclass(frozen=True)
class RunFlow:
    """Run the flow once, with these additions to the environment."""

    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class FlowReady:
    """The flow is imported, and Prefect's database has its tables."""


@dataclass(frozen=True)
class FlowEvent:
    """A call of a method of `orchestration.progress.Progress`."""

    method: str
    arguments: tuple[object, ...]


@dataclass(frozen=True)
class FlowFinished:
    """The run succeeded."""

    report: RunReport


@dataclass(frozen=True)
class FlowFailed:
    """The run ended with an error. `report` covers the work until then, None if the run had not begun."""

    message: str
    exit_code: int
    report: RunReport | None


Answer = FlowReady | FlowEvent | FlowFinished | FlowFailed

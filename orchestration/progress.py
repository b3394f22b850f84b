"""Listeners to a run's progress.

The flow reports to `current()`: the listener that `report_to` set further up the call stack, and the flow's own log. A
deployment's run needs no listener, and `make demo` draws its own picture:

    with report_to(picture):
        run_once(...)

Methods may be called from several threads at once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from orchestration.dbt.events import NodeFinished, NodeStarted
from orchestration.reconcile.comparison import Reconciliation
from orchestration.report import StreamOutcome
from orchestration.warehouse.loader import LoadResult
from orchestration.warehouse.protocol import Publication

Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]


class Progress(Protocol):
    """A listener to the events of a run, in their order: each step, and within it the streams or nodes."""

    def step(self, name: str, detail: str = "") -> None:
        """A step begins: ingest, load, dbt, reconcile, publish. Or an event happens that deserves a line."""

    def stream_started(self, stream: str) -> None: ...

    def stream_read(self, stream: str, records: int) -> None:
        """`records` of the stream's present batch have been read so far."""

    def stream_finished(self, outcome: StreamOutcome) -> None: ...

    def loaded(self, result: LoadResult) -> None: ...

    def dbt_started(self, node: NodeStarted) -> None: ...

    def dbt_finished(self, node: NodeFinished) -> None: ...

    def reconciled(self, reconciliation: Reconciliation) -> None: ...

    def published(self, publication: Publication) -> None: ...


class LogProgress:
    """A listener that writes a log line for each event."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger

    def step(self, name: str, detail: str = "") -> None:
        self._logger.info("%s%s", name, f": {detail}" if detail else "")

    def stream_started(self, stream: str) -> None:
        self._logger.debug("%s: reading", stream)

    def stream_read(self, stream: str, records: int) -> None:
        self._logger.debug("%s: %s records read", stream, f"{records:,}")

    def stream_finished(self, outcome: StreamOutcome) -> None:
        if outcome.error is not None:
            self._logger.error("%s", outcome.error)
        elif outcome.overtaken is not None:
            self._logger.warning("%s", outcome.overtaken)
        elif outcome.result is not None:
            result = outcome.result
            refused = f", {result.rows_quarantined:,} quarantined" if result.rows_quarantined else ""
            self._logger.info(
                "%s: %s rows landed%s in %.1f s", outcome.stream, f"{result.rows_landed:,}", refused, result.seconds
            )
            for notice in result.notices:
                self._logger.warning("%s: %s", outcome.stream, notice)

    def loaded(self, result: LoadResult) -> None:
        self._logger.info(
            "%s: %d versions loaded, %s rows, in %.1f s",
            result.stream,
            len(result.commits),
            f"{result.rows:,}",
            result.seconds,
        )

    def dbt_started(self, node: NodeStarted) -> None:
        self._logger.debug("%s %s: started", node.resource_type, node.name)

    def dbt_finished(self, node: NodeFinished) -> None:
        if node.warned:
            self._logger.warning("%s: %s rows. %s", node.name, f"{node.failures or 0:,}", node.description)
            return
        level = logging.ERROR if node.failed else logging.INFO
        rows = f", {node.rows:,} rows" if node.rows is not None else ""
        message = f" {node.message}" if node.failed else ""
        self._logger.log(
            level, "%s %s: %s%s in %.1f s%s", node.resource_type, node.name, node.status, rows, node.seconds, message
        )

    def reconciled(self, reconciliation: Reconciliation) -> None:
        if reconciliation.equal:
            self._logger.info("%s: %s rows everywhere", reconciliation.stream, f"{reconciliation.lake:,}")
        else:
            self._logger.error("%s: %s", reconciliation.stream, "; ".join(reconciliation.differences))

    def published(self, publication: Publication) -> None:
        self._logger.info("published %s", publication.location)


class BothProgress:
    """A listener that passes each event to two others."""

    def __init__(self, first: Progress, second: Progress) -> None:
        self._both = (first, second)

    def step(self, name: str, detail: str = "") -> None:
        for one in self._both:
            one.step(name, detail)

    def stream_started(self, stream: str) -> None:
        for one in self._both:
            one.stream_started(stream)

    def stream_read(self, stream: str, records: int) -> None:
        for one in self._both:
            one.stream_read(stream, records)

    def stream_finished(self, outcome: StreamOutcome) -> None:
        for one in self._both:
            one.stream_finished(outcome)

    def loaded(self, result: LoadResult) -> None:
        for one in self._both:
            one.loaded(result)

    def dbt_started(self, node: NodeStarted) -> None:
        for one in self._both:
            one.dbt_started(node)

    def dbt_finished(self, node: NodeFinished) -> None:
        for one in self._both:
            one.dbt_finished(node)

    def reconciled(self, reconciliation: Reconciliation) -> None:
        for one in self._both:
            one.reconciled(reconciliation)

    def published(self, publication: Publication) -> None:
        for one in self._both:
            one.published(publication)


_current: ContextVar[Progress | None] = ContextVar("progress", default=None)


def current(logger: Logger) -> Progress:
    """Return this run's listeners: its log, and the listener of `report_to` if there is one."""
    listener = _current.get()
    log = LogProgress(logger)
    return log if listener is None else BothProgress(listener, log)


@contextmanager
def report_to(listener: Progress) -> Iterator[None]:
    """Pass the events of every run within the block to `listener`."""
    token = _current.set(listener)
    try:
        yield
    finally:
        _current.reset(token)

"""An expected error is one line in a run's log. Prefect prints a traceback for every exception."""

from __future__ import annotations

import logging

from ingest.errors import PlatformError

_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")


class _NoTraceback(logging.Filter):
    """Puts the message of a PlatformError in place of its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, PlatformError):
            record.msg, record.args = "%s: %s", (type(error).__name__, error)
            record.exc_info = None
        return True


_FILTER = _NoTraceback()


def without_tracebacks() -> None:
    """Set up Prefect's run loggers; a second call changes nothing."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)

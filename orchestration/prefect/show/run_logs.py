"""Filters a run's log in Prefect's UI: our lines appear at their task, empty lines and expected tracebacks do not."""

from __future__ import annotations

import ast
import logging
import re
from typing import Any

from prefect.context import TaskRunContext
from prefect.logging import get_run_logger

from common.foreign_text import harmless
from ingest.errors import PlatformError
from ingest.logs import keep_records_harmless
from orchestration.progress import Logger

_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")
_OF_NO_INTEREST = re.compile(
    r"Created task run '|Submitted task run '|Executing '.*' immediately\.\.\.$"
    r"|Finished in state (Completed\(|Failed\(.Task run encountered)"
)
"""Prefect numbers tasks in these lines, our names of them come later; or our own line before has said the same."""
_FINISHED = re.compile(r"""Finished in state (?P<name>[\w ]+)\((?P<message>['"].*['"])(, type=\w+)?\)$""", re.DOTALL)
"""How Prefect ends a run's log: the state's message as a literal."""


class RunLogger(logging.LoggerAdapter[Any]):
    """The logger of the task in which a line is written; outside of tasks, of the flow run."""

    def __init__(self, flow_run_logger: Logger) -> None:
        super().__init__(flow_run_logger)

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        logger = self.logger if TaskRunContext.get() is None else get_run_logger()
        logger.log(level, msg, *args, **kwargs)


class _Readable(logging.Filter):
    """A filter that drops irrelevant lines, and rewrites Prefect's other lines for people."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = str(record.msg)
        if _OF_NO_INTEREST.match(text):
            return False
        finished = _FINISHED.match(text)
        if finished:
            # The state's message was a literal, which hid its control characters.
            message = harmless(ast.literal_eval(finished["message"]))
            record.msg, record.args = "%s: %s", (finished["name"], message)
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, PlatformError):
            record.msg, record.args = "%s: %s", (type(error).__name__, error)
            record.exc_info, record.exc_text = None, None
        return True


_FILTER = _Readable()


def readable_logs() -> None:
    """Set up Prefect's run loggers. A second call changes nothing."""
    keep_records_harmless()
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)

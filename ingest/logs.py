"""Structured logs: JSON lines for programs, readable lines on a terminal, always on standard error.

If an orchestrator collects logs, they go to its logger instead.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import structlog

from common.foreign_text import harmless

_MARK = "_makes_records_harmless"

Progress = Callable[[str, int], None]
"""Called with a stream and the records read so far in its batch."""


def configure(
    style: Literal["auto", "console", "json"] = "auto", *, stream: TextIO | None = None, level: int = logging.INFO
) -> None:
    """Set up logging for this process. `auto` writes JSON unless `stream` (standard error) is a terminal."""
    keep_records_harmless()
    out = stream or sys.stderr
    as_json = style == "json" or (style == "auto" and not out.isatty())
    renderer: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _harmless_values,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )


def forward_to(logger: logging.Logger | logging.LoggerAdapter[logging.Logger], *, level: int = logging.INFO) -> None:
    """Set up logging for this process so that each line goes to `logger`, as `event key=value ...`."""
    keep_records_harmless()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _harmless_values,
            structlog.processors.KeyValueRenderer(
                key_order=["stream", "event"], drop_missing=True, repr_native_str=False
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: logger,
        cache_logger_on_first_use=False,
    )


def keep_records_harmless() -> None:
    """Make all records of the logging module, from any library, free of terminal control sequences and secrets.

    The records' tracebacks are cleaned too. A second call changes nothing.
    """
    make = logging.getLogRecordFactory()
    if getattr(make, _MARK, False):
        return

    def harmless_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        make_harmless(record)
        return record

    setattr(harmless_record, _MARK, True)
    logging.setLogRecordFactory(harmless_record)


def make_harmless(record: logging.LogRecord) -> None:
    """Remove terminal control sequences and secrets from a record. A record without any is left unchanged."""
    try:
        said = record.getMessage()
    except (TypeError, ValueError, KeyError):  # the arguments do not fit the message, which the handler reports
        return
    told = harmless(said)
    if told != said:
        record.msg, record.args = told, None
    if record.exc_info and record.exc_info[0] is not None and not record.exc_text:
        record.exc_text = harmless("".join(traceback.format_exception(*record.exc_info)).rstrip("\n"))


def _harmless_values(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {name: _harmless(value) for name, value in event.items()}


def _harmless(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {_harmless(name): _harmless(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_harmless(item) for item in value]
    return harmless(value)


def get_logger(**bound: object) -> structlog.typing.FilteringBoundLogger:
    """Return a logger that adds `bound` (run_id, stream, version, ...) to each line."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(**bound)
    return logger


def run_id_now() -> str:
    """Return a readable identifier, made of the time, for a run that the command line starts."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{threading.get_native_id()}"

"""Structured logs: JSON lines for machines, readable lines on a terminal, always on standard error.

Where an orchestrator collects logs, they go to its logger instead.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import structlog

Progress = Callable[[str, int], None]
"""Called with a stream and the records read so far in its batch."""


def configure(
    style: Literal["auto", "console", "json"] = "auto", *, stream: TextIO | None = None, level: int = logging.INFO
) -> None:
    """Set up logging for this process. `auto` writes JSON unless `stream` (standard error) is a terminal."""
    out = stream or sys.stderr
    as_json = style == "json" or (style == "auto" and not out.isatty())
    renderer: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )


def forward_to(logger: logging.Logger | logging.LoggerAdapter[logging.Logger], *, level: int = logging.INFO) -> None:
    """Set up logging for this process: each line goes to `logger`, as `event key=value ...`."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.KeyValueRenderer(
                key_order=["stream", "event"], drop_missing=True, repr_native_str=False
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: logger,
        cache_logger_on_first_use=False,
    )


def get_logger(**bound: object) -> structlog.typing.FilteringBoundLogger:
    """A logger with `bound` (run_id, stream, version, ...) on each of its lines."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(**bound)
    return logger


def run_id_now() -> str:
    """A readable identifier for a run started from the command line."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{threading.get_native_id()}"

"""A command's output to a terminal or a pipe: its encoding, and the one way in which a command fails."""

from __future__ import annotations

import io
import locale
import os
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

from common.foreign_text import harmless, spelt

if TYPE_CHECKING:
    from types import TracebackType

    from ingest.errors import PlatformError


def fit_output() -> None:
    """Write in the locale's encoding, and `?` for characters that it lacks, instead of raising UnicodeEncodeError.

    Files and paths are UTF-8 if PYTHONUTF8 is set, as `make` does, but the terminal's encoding is still the locale's.
    In the C locale, which does not describe a terminal, Python's choice stays. Tracebacks of unexpected errors are
    printed without control sequences and secrets.
    """
    sys.excepthook = _print_fault
    encoding = locale.getencoding()
    chosen = os.environ.get("PYTHONIOENCODING") or encoding.lower() in ("ascii", "us-ascii", "ansi_x3.4-1968", "646")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=stream.encoding if chosen else encoding, errors="replace")


def _print_fault(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    print(harmless("".join(traceback.format_exception(kind, error, trace))), end="", file=sys.stderr)


def write_line(text: str) -> None:
    """Write output for programs to standard output unchanged. On a terminal, escape its control characters."""
    print(spelt(text) if sys.stdout.isatty() else text)


def fail(error: PlatformError) -> NoReturn:
    """Print the error's message on standard error, and exit with the error's code."""
    from rich.console import Console
    from rich.markup import escape

    Console(stderr=True, soft_wrap=True, highlight=False).print(f"[red bold]error[/] {escape(str(error))}")
    sys.exit(error.exit_code)

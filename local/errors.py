"""Errors of the embedded stack. Each has one message: the fault, its place, and the remedy."""

from __future__ import annotations

from pathlib import Path

_TAIL_LINES = 12


class LocalStackError(Exception):
    """A part of the stack cannot start, or ended by itself. `exit_code` is the command's exit code."""

    exit_code = 1

    def __init__(self, message: str, *, log: Path | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.log = log

    def __str__(self) -> str:
        return self.message if self.log is None else f"{self.message}\nLog: {self.log}\n{tail(self.log)}".rstrip()


def tail(log: Path, lines: int = _TAIL_LINES) -> str:
    """Return the last lines of a log file, indented; empty if there is no such file."""
    if not log.exists():
        return ""
    return "\n".join(f"  {line}" for line in log.read_text(errors="replace").splitlines()[-lines:])

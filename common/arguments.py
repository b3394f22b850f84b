"""Passwords in a command's arguments, which every user of a machine can read in the list of processes."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path

from common.environment import is_dev
from common.foreign_text import keep_secret
from common.passwords import passwords_in

_STAT = Path("/proc/self/stat")
_ARG_START = 48
"""The field of /proc/PID/stat that holds the address of the arguments, counted from 1 (proc(5)); their end follows."""


class PasswordArgumentError(ValueError):
    """An argument holds a password although that is not allowed. The message names the option, not its value."""


def guard_argument(
    option: str, value: str, *, variable: str, environment: str | None, warn: Callable[[str], None]
) -> None:
    """Refuse a connection string with a password as an argument. In dev, warn and hide it in the list of processes.

    `variable` is the setting to use instead. Raises PasswordArgumentError outside dev, and if the list cannot be
    changed.
    """
    passwords = passwords_in(value)
    if not passwords:
        return
    keep_secret(value)
    way_out = f"Put it into {variable} instead, or leave the password out and set PGPASSWORD."
    if not is_dev(environment):
        raise PasswordArgumentError(
            f"{option} holds a password, which the list of processes shows to all. Change it: it was seen. {way_out}"
        )
    if not _scrubbed(passwords):
        raise PasswordArgumentError(f"{option} holds a password, which the list of processes shows to all. {way_out}")
    warn(f"{option} holds a password, which the list of processes has shown to all. {way_out}")


def _scrubbed(passwords: tuple[str, ...]) -> bool:
    """Overwrite the passwords in this process' arguments, as the system shows them. Return whether none is left."""
    if sys.platform != "linux":
        return False
    try:
        start, end = _arguments()
    except (OSError, ValueError, IndexError):
        return False
    shown = ctypes.string_at(start, end - start)
    scrubbed = shown
    for password in sorted(passwords, key=len, reverse=True):
        data = password.encode("utf-8", "surrogateescape")
        scrubbed = scrubbed.replace(data, b"*" * len(data))
    if scrubbed != shown:
        ctypes.memmove(start, scrubbed, len(scrubbed))
    return True


def _arguments() -> tuple[int, int]:
    """Return the memory addresses at which the system keeps this process' arguments: start and end."""
    # The second field is the program's name in brackets, which may itself contain blanks.
    fields = _STAT.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    start, end = (int(fields[number - 3]) for number in (_ARG_START, _ARG_START + 1))
    if not 0 < start < end:
        raise ValueError("the system does not say where they are")
    return start, end

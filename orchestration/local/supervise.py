"""Run one command, and stop it as soon as standard input closes.

    python -I -S supervise.py --stop INT:10,KILL:1 [--user UID:GID] -- command argument...

Standard input is the lifeline: the parent holds the only write end of a pipe and never writes to it. However the parent
ends, by closing the pipe, by an exception or by SIGKILL, the kernel closes that end, and the command is stopped. This
needs no prctl (whose signal follows the starting thread, not the process), works the same on Linux and macOS, and
leaves no moment between start and registration in which a child could be lost.

The command runs in a session of its own, so that a terminal's Ctrl-C reaches the parent alone, which then stops its
children in order. `--stop` lists signals and the seconds to wait after each one. What is left of the command's process
group at the end is killed. The exit code is the command's, or 128 + n where signal n ended it.

Standard library only: it starts in some 20 ms, also where the environment's packages cannot be imported.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

LIFELINE = 0
"""File descriptor of the pipe that the parent holds open."""


def main(argv: Sequence[str]) -> int:
    """Run the command of `argv`; return its exit code."""
    options = _parse(argv)
    wakeup = _wake_on_signals()
    child = _start(options.command, options.user)
    try:
        stopping = _wait(child, wakeup, watch_lifeline=True, seconds=None)
        for number, seconds in options.stop if stopping else ():
            _signal_group(child, number)
            if not _wait(child, wakeup, watch_lifeline=False, seconds=seconds):
                break
    finally:
        _signal_group(child, signal.SIGKILL)
        code = child.wait()
    return code if code >= 0 else 128 - code


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run a command that stops when standard input closes.")
    parser.add_argument("--stop", type=_stop_sequence, required=True, help="such as INT:10,QUIT:5")
    parser.add_argument("--user", type=_user, default=None, help="UID:GID to run the command as (needs root)")
    parser.add_argument("command", nargs="+")
    return parser.parse_args(argv)


def _stop_sequence(text: str) -> list[tuple[signal.Signals, float]]:
    pairs = [step.split(":", 1) for step in text.split(",")]
    return [(signal.Signals[f"SIG{name}"], float(seconds)) for name, seconds in pairs]


def _user(text: str) -> tuple[int, int]:
    uid, gid = text.split(":", 1)
    return int(uid), int(gid)


def _wake_on_signals() -> int:
    """Return a descriptor on which the numbers of arriving signals can be read, a byte each."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _arrived)
    return reader


def _arrived(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: a handler must exist for the number to be written to the wakeup descriptor."""


def _start(command: Sequence[str], user: tuple[int, int] | None) -> subprocess.Popen[bytes]:
    uid, gid = user if user else (None, None)
    try:
        return subprocess.Popen(  # noqa: S603 - the command is the whole point
            command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            user=uid,
            group=gid,
            extra_groups=[] if user else None,
        )
    except OSError as error:
        print(f"cannot start {command[0]}: {error}", file=sys.stderr)
        raise SystemExit(127) from None


def _wait(child: subprocess.Popen[bytes], wakeup: int, *, watch_lifeline: bool, seconds: float | None) -> bool:
    """Wait for the child's end. True where it still runs: the lifeline closed, a stop was asked for, or time is up."""
    deadline = None if seconds is None else time.monotonic() + seconds
    watched = [wakeup, LIFELINE] if watch_lifeline else [wakeup]
    while child.poll() is None:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return True
        readable, _, _ = select.select(watched, [], [], left)
        asked = wakeup in readable and any(number != signal.SIGCHLD for number in os.read(wakeup, 1024))
        closed = LIFELINE in readable and not os.read(LIFELINE, 1024)
        if watch_lifeline and (asked or closed):
            return child.poll() is None
    return False


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal the child's group; it may be gone, or (macOS says so) consist of ended processes alone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""Runs one command, and stops it as soon as standard input closes.

    python -I -S supervise.py --stop INT:10,KILL:1 [--user UID:GID] -- command argument...

Standard input is the lifeline: the parent holds the only write end of a pipe and never writes to it. However the parent
ends, by closing the pipe, by an exception or by SIGKILL, the kernel closes that end, and the command is stopped. This
needs no prctl (whose signal follows the starting thread, not the process), works the same on Linux and macOS, and
leaves no moment between start and registration in which a child could be lost.

The command runs in a session of its own, so that a terminal's Ctrl-C reaches only the parent, which then stops its
children in order. `--stop` lists signals and the seconds to wait after each one. Processes that the command has left
behind are killed at the end, even in other sessions: on Linux this process adopts the orphans among its descendants.
The exit code is the command's, or 128 + n if signal n ended it.

Standard library only: it starts in some 20 ms, even if the environment's packages cannot be imported.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from types import FrameType

LIFELINE = 0
"""File descriptor of the pipe that the parent holds open."""
_PR_SET_CHILD_SUBREAPER = 36
"""From linux/prctl.h."""


def main(argv: Sequence[str]) -> int:
    """Run the command of `argv`. Return its exit code."""
    options = _parse(argv)
    wakeup = _wake_on_signals()
    _adopt_orphans()
    child = _start(options.command, options.user)
    try:
        stopping = _wait(child, wakeup, watch_lifeline=True, seconds=None)
        for number, seconds in options.stop if stopping else ():
            _signal_group(child, number)
            if not _wait(child, wakeup, watch_lifeline=False, seconds=seconds):
                break
    finally:
        code = _kill_all(child)
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


def _adopt_orphans() -> None:
    """On Linux, become the parent of descendants whose parents end, so that none is lost in a session of its own."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


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
    """Wait for the child's end.

    Return True if it still runs because the lifeline closed, a stop was requested, or time is up.
    """
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
    """Send a signal to the child's group. The group may be gone or, on macOS, hold only ended processes."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _kill_all(child: subprocess.Popen[bytes]) -> int:
    """Kill the child and all its descendants, and reap them. Return the child's exit code."""
    while True:
        for pid in _descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        code = child.wait()
        if not _bury_adopted():
            return code


def _bury_adopted() -> bool:
    """Wait for one adopted process to end, and reap it. Return False if none is left."""
    try:
        os.waitpid(-1, 0)
    except ChildProcessError:
        return False
    return True


def _descendants(ancestor: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for pid, parent in _processes():
        children.setdefault(parent, []).append(pid)
    found = list(children.get(ancestor, ()))
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def _processes() -> Iterator[tuple[int, int]]:
    """Yield the id of every process and of its parent."""
    if sys.platform == "linux":
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                with contextlib.suppress(OSError), open(f"/proc/{entry.name}/stat", "rb") as stat:  # noqa: PTH123
                    # The second field, the program's name in parentheses, may hold any characters.
                    yield int(entry.name), int(stat.read().rpartition(b")")[2].split()[1])
    else:
        listing = subprocess.run(["/bin/ps", "-A", "-o", "pid=,ppid="], capture_output=True, check=True)
        for line in listing.stdout.splitlines():
            pid, parent = line.split()
            yield int(pid), int(parent)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

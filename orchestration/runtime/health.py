"""The health of an agent: it touches a file with each poll that the API answered."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

MAX_AGE_SECONDS = 60.0


def heartbeat_file(agent: str) -> Path:
    """Return the file of an agent, by its name.

    It is in the temporary directory, which each container has for itself.
    """
    return Path(tempfile.gettempdir()) / f"{agent}.polled"


def check(agent: str) -> int:
    """Return the exit code of the health check: 0 if the agent polled within the last minute.

    Otherwise print the reason.
    """
    path = heartbeat_file(agent)
    try:
        age = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        print(f"{agent} has not polled its queues yet", file=sys.stderr)
        return 1
    if age > MAX_AGE_SECONDS:
        print(f"{agent} polled its queues {age:.0f} s ago", file=sys.stderr)
        return 1
    return 0

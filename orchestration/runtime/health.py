"""Whether an agent polls its queues: it touches a file with each poll that the API answered."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

MAX_AGE_SECONDS = 60.0


def heartbeat_file(agent: str) -> Path:
    """The file of an agent, by its name; in the temporary directory, of which each container has its own."""
    return Path(tempfile.gettempdir()) / f"{agent}.polled"


def check(agent: str) -> int:
    """The exit code of the health check: 0 if the agent polled within the last minute; else the reason is printed."""
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

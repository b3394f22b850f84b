"""Names of runs."""

from __future__ import annotations

import threading
from datetime import UTC, datetime


def run_id_now() -> str:
    """A readable identifier for a run started from the command line."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{threading.get_native_id()}"

"""The demo from beginning to end."""

from __future__ import annotations

from datetime import datetime
from time import monotonic

from rich.console import Console

from local.demo.flow_client import FlowProcess
from local.processes import process_group
from local.run_directory import open_run_directory
from local.settings import LocalSettings
from local.state import open_state
from orchestration.settings import WarehouseKind


def demo(
    console: Console,
    *,
    scale: float,
    warehouse: WarehouseKind = WarehouseKind.DUCKDB,
    now: datetime | None = None,
) -> None:
    """Start the stack, run the flow, advance by a day, run it again, and show the results.

    The business's day ends at `now`, by default the clock's time. The same `now` gives the same business rows.

    Raises LocalStackError if a part does not start or ends, FlowFailedError if a run fails, ConfigurationError for a
    Snowflake account that cannot be used.
    """
    begin = monotonic()
    settings = LocalSettings()
    with (
        open_state(settings.state / "demo") as state,
        open_run_directory() as run,
        process_group(run.lock) as processes,
    ):
        # The flow's imports take seconds. They run in parallel with our own and with the start of the stack.
        flow = FlowProcess.start(processes, state, run.path)
        from local.demo.chapters import Stage, show

        stage = Stage(settings, state, run, processes, flow)
        show(console, stage, scale=scale, warehouse=warehouse, now=now, begin=begin)

"""Flows that agents are tested with."""

import time

from prefect import flow, task
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.states import Failed, State

from orchestration.runtime.heartbeat import beating


@task
def sleep(seconds: float) -> None:
    """Sleep in short steps, so that a signal can interrupt."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.1)


@flow(name="test-sleeper")
def sleeper(seconds: float = 0.0, stubborn: bool = False) -> None:
    """Sleep in a task. A stubborn one does not end on request."""
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    with beating(context.flow_run, get_run_logger(), every=0.5):
        try:
            sleep(seconds)
        except BaseException:
            if stubborn:
                time.sleep(600)
            raise


@flow(name="test-failing")
def failing() -> State:
    """Fail."""
    return Failed(message="orders: it is broken")

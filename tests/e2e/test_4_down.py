"""Stopping: at the first request, in any state, with everything kept; and forgetting, when asked to."""

from __future__ import annotations

from time import time

from tests.e2e.platform import Platform
from tests.e2e.waiting import until


def test_down_in_mid_run_kills_nothing_and_up_goes_on_with_all_that_was_there(platform: Platform) -> None:
    platform.live_on()
    before = {run.id for run in platform.prefect.runs("full")}
    run_id = platform.prefect.start("full")
    until(lambda: platform.prefect.children(run_id), seconds=240, what="streams that are being landed")

    begin = time()
    platform.stack.down()
    killed = platform.stack.killed_since(begin)
    platform.stack.up()

    assert killed == []
    interrupted = platform.prefect.ended(run_id)
    assert interrupted.state in ("Crashed", "Cancelled")
    assert interrupted.message
    again = [run for run in platform.prefect.runs("full") if run.id not in {*before, run_id}]
    for run in again:
        platform.require_complete(platform.prefect.ended(run.id))
    assert before <= {run.id for run in platform.prefect.runs("full")}
    if again:
        platform.require_equal()
    else:
        platform.recover()


def test_down_with_volumes_forgets_all(platform: Platform) -> None:
    ours = f"label=com.docker.compose.project={platform.stack.project}"
    assert platform.stack.docker("volume", "ls", "--quiet", "--filter", ours)

    platform.stack.down(volumes=True)

    assert platform.stack.docker("volume", "ls", "--quiet", "--filter", ours) == ""
    assert platform.stack.docker("ps", "--all", "--quiet", "--filter", ours) == ""

"""The detector of silent runs: which runs are lost, which are starting, and that time without a look does not count."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from prefect.client.schemas.objects import FlowRun, StateType

from orchestration.runtime.silence import GAP, STARTING, SilenceWatch
from tests.orchestration.prefect.clock import Clock

STALE = timedelta(seconds=45)


def seen(state: StateType = StateType.RUNNING, *, beat: int = 0, run_id: uuid.UUID | None = None) -> FlowRun:
    updated = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=beat)
    return FlowRun(id=run_id or uuid.uuid4(), flow_id=uuid.uuid4(), state_type=state, updated=updated)


def look_on(watch: SilenceWatch, clock: Clock, runs: list[FlowRun], seconds: float) -> list[FlowRun]:
    """Look every five seconds for that long. Return the result of the last look."""
    found = watch.look(runs)
    end = clock.now + seconds
    while clock.now < end:
        clock.now += 5
        found = watch.look(runs)
    return found


def test_a_run_is_lost_once_it_gave_no_sign_of_life_for_so_long() -> None:
    clock = Clock()
    watch, run = SilenceWatch(STALE, clock=clock), seen()
    assert look_on(watch, clock, [run], 40) == []
    assert look_on(watch, clock, [run], 5) == [run]


def test_a_run_that_gives_signs_of_life_is_never_lost() -> None:
    clock, run_id = Clock(), uuid.uuid4()
    watch = SilenceWatch(STALE, clock=clock)
    for beat in range(50):
        assert look_on(watch, clock, [seen(beat=beat, run_id=run_id)], 5) == []


def test_a_time_without_a_look_counts_for_nothing() -> None:
    """The server was away: runs could give no sign of life."""
    clock = Clock()
    watch, run = SilenceWatch(STALE, clock=clock), seen()
    look_on(watch, clock, [run], 40)
    clock.now += 60
    assert look_on(watch, clock, [run], 40) == []
    assert look_on(watch, clock, [run], 5) == [run]


def test_a_run_that_has_not_begun_is_given_longer() -> None:
    clock = Clock()
    watch, run = SilenceWatch(STALE, clock=clock), seen(StateType.PENDING)
    assert look_on(watch, clock, [run], 40 + STARTING.total_seconds()) == []
    assert look_on(watch, clock, [run], 5) == [run]


@pytest.mark.parametrize("every", [1, 5])
def test_it_judges_alike_however_often_it_is_asked(every: int) -> None:
    """The run that handed a stream out looks each second, the janitor each five."""
    clock, run = Clock(), seen(StateType.PENDING)
    watch = SilenceWatch(STALE, clock=clock)
    watch.look([run])
    while not watch.look([run]):
        clock.now += every

    assert clock.now == (STALE + STARTING).total_seconds()
    assert watch.silence(run) == STALE + STARTING


def test_a_run_that_waits_for_an_agent_is_not_lost_and_its_silence_is_known() -> None:
    clock, run = Clock(), seen(StateType.SCHEDULED)
    watch = SilenceWatch(STALE, clock=clock)

    assert look_on(watch, clock, [run], 600) == []
    assert watch.silence(run) == timedelta(seconds=600)


def test_a_server_that_was_away_for_as_long_as_a_look_may_take_makes_no_living_run_lost() -> None:
    """Its last sign of life came just before, and the next one comes with the beat after."""
    clock, run_id = Clock(), uuid.uuid4()
    watch = SilenceWatch(timedelta(seconds=25), clock=clock)
    assert look_on(watch, clock, [seen(run_id=run_id)], 5) == []
    clock.now += GAP.total_seconds()
    assert look_on(watch, clock, [seen(run_id=run_id)], 5) == []
    assert look_on(watch, clock, [seen(beat=1, run_id=run_id)], 20) == []

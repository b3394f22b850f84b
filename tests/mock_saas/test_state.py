"""A provider with a state file over its restarts."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from mock_saas.settings import Settings
from mock_saas.state import StateError, StateFile
from mock_saas.timestamps import DAY_US, format_us, to_us
from tests.mock_saas.provider import EPOCH, EPOCH_US


def fresh(**changes: object) -> Settings:
    """Return settings without an epoch, as at a start in a container."""
    return Settings(**{"api_key": SecretStr("key"), **changes})  # type: ignore[arg-type]


def test_history_keeps_the_beginning_of_the_first_start(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    first, _ = file.resume(fresh(), EPOCH_US)
    later, _ = file.resume(fresh(), EPOCH_US + 3 * DAY_US)
    assert first.epoch == later.epoch == EPOCH


def test_a_clock_that_was_moved_does_not_run_backwards_over_a_restart(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    _, clock = file.resume(fresh(), EPOCH_US)
    clock.advance(timedelta(days=2).total_seconds())
    clock.advance(1.5)
    _, restarted = file.resume(fresh(), EPOCH_US)
    assert restarted.offset_seconds == clock.offset_seconds == timedelta(days=2, seconds=1.5).total_seconds()


def test_a_clock_that_cannot_be_kept_is_not_moved(tmp_path: Path) -> None:
    folder = tmp_path / "volume"
    folder.mkdir()
    _, clock = StateFile(folder / "state.json").resume(fresh(), EPOCH_US)
    (folder / "state.json").unlink()
    folder.rmdir()
    with pytest.raises(StateError, match="cannot write"):
        clock.advance(60)
    assert clock.offset_seconds == 0


def test_another_world_is_refused_by_the_setting_s_name(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    file.resume(fresh(events_per_day=2_000), EPOCH_US)
    with pytest.raises(StateError, match=re.escape("EVENTS_PER_DAY was 2000 when this history began and is 500 now")):
        file.resume(fresh(events_per_day=500), EPOCH_US)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text("{}")
    with pytest.raises(StateError, match="cannot read"):
        StateFile(path).resume(fresh(), EPOCH_US)


def test_the_epoch_is_kept_to_the_microsecond(tmp_path: Path) -> None:
    moment = EPOCH_US + 123_457
    settings, _ = StateFile(tmp_path / "state.json").resume(fresh(), moment)
    assert settings.epoch is not None
    assert to_us(settings.epoch) == moment


def test_a_later_business_now_moves_the_clock_on_and_none_moves_it_back(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    _, first = file.resume(fresh(business_now="2028-02-29T23:58:00Z"), EPOCH_US)
    first.advance(timedelta(days=1).total_seconds())

    _, same = file.resume(fresh(business_now="2028-02-29T23:58:00Z"), EPOCH_US)
    _, sooner_than_it_was_moved = file.resume(fresh(business_now="2028-03-01T12:00:00Z"), EPOCH_US)
    _, later = file.resume(fresh(business_now="2028-03-02T00:00:00Z"), EPOCH_US)
    _, kept = file.resume(fresh(business_now="2028-02-29T23:58:00Z"), EPOCH_US)

    moments = [format_us(clock.now_us()) for clock in (same, sooner_than_it_was_moved, later, kept)]
    assert moments[:2] == ["2028-03-01T23:58:00.000000Z"] * 2
    assert moments[2:] == ["2028-03-02T00:00:00.000000Z"] * 2
    for wrong in ({}, {"business_now": "2028-02-29T23:57:59Z"}):
        with pytest.raises(StateError, match=re.escape("BUSINESS_NOW was 2028-02-29T23:58:00+00:00")):
            file.resume(fresh(**wrong), EPOCH_US)


def test_a_clock_that_runs_is_not_made_to_stand(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    file.resume(fresh(), EPOCH_US)
    with pytest.raises(StateError, match=re.escape("BUSINESS_NOW was not set when this history began")):
        file.resume(fresh(business_now="2028-02-29T23:58:00Z"), EPOCH_US)

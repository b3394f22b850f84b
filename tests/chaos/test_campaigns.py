"""Every campaign at a small size. `make chaos` runs them at full size."""

from __future__ import annotations

import random

import pytest

from tests.chaos.campaign import Order
from tests.chaos.campaigns import behind, days, equal, kills, overtaken, races
from tests.chaos.line import Ground


@pytest.mark.slow
def test_no_row_of_an_overtaken_commit_is_lost_and_a_naive_reader_loses_some(ground: Ground) -> None:
    overtaken.run(ground, Order(seed=1, scale=0.04)).require_passed()


@pytest.mark.slow
def test_rows_of_one_timestamp_are_landed_once_whatever_boundary_falls_into_it(ground: Ground) -> None:
    equal.run(ground, Order(seed=1, scale=0.04)).require_passed()


@pytest.mark.slow
def test_what_is_changed_behind_the_cursor_is_named_and_repaired_as_far_as_staging(ground: Ground) -> None:
    behind.run(ground, Order(seed=1, scale=0.04)).require_passed()


@pytest.mark.slow
def test_of_several_ingesters_and_loaders_at_once_one_wins_and_the_others_say_so(ground: Ground) -> None:
    races.run(ground, Order(seed=1, scale=0.06)).require_passed()


@pytest.mark.slow
def test_whatever_is_killed_a_clean_run_makes_all_equal_and_gc_removes_what_was_left(ground: Ground) -> None:
    kills.run(ground, Order(seed=1, scale=0.04)).require_passed()


@pytest.mark.slow
def test_on_any_day_the_history_lands_whole(ground: Ground) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # shown where the test fails, as the command that runs it again is
    days.run(ground, Order(seed, scale=0.01)).require_passed()

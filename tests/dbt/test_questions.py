"""The simulated world's marts: the questions of docs/QUESTIONS.md, and the effect of campaigns that was planted."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from pathlib import Path

import pytest

from postgres.shop.response import RESPONSE
from tests.questions import PAGE, Ask, answered, asking_simulated_marts, questions

EFFECT = Path(__file__).with_name("world") / "effect_of_clicks.sql"


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Asks the published marts of the simulated world."""
    with asking_simulated_marts(tmp_path_factory.mktemp("simulation")) as asked:
        yield asked


def test_the_page_has_the_answers_of_fifteen_questions(ask: Ask) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert len(list(questions(page))) == 15
    for question in questions(page):
        assert ask(question.sql).rows, question.title
    assert answered(page, ask) == page, "run `make questions`"


def test_the_planted_effect_of_clicks_is_found_in_the_marts(ask: Ask) -> None:
    [row] = ask(EFFECT.read_text(encoding="utf-8")).rows
    clicks, orders, orders_anyway, promoted, promoted_anyway, mean_hours = map(float, row)
    assert clicks > 100
    share = RESPONSE.order_share
    deviation = sqrt((share * (1 - share) + orders_anyway / clicks) / clicks)
    assert (orders - orders_anyway) / clicks == pytest.approx(share, abs=2 * deviation)
    assert share > 4 * deviation, "too few clicks to tell the effect from none"
    share *= RESPONSE.promoted_share
    deviation = sqrt(share * (1 - share) / clicks)
    assert (promoted - promoted_anyway) / clicks == pytest.approx(share, abs=2 * deviation)
    mean = RESPONSE.mean_delay.total_seconds() / 3600
    assert mean_hours == pytest.approx(mean, abs=2 * mean / sqrt(promoted))

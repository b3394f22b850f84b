"""The simulated world's marts: the questions of docs/QUESTIONS.md, the effect of campaigns that was planted, and the
pages' figures against SQL on the source's rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt
from pathlib import Path
from typing import Any

import duckdb
import pytest

from analytics import sql
from postgres.shop.response import RESPONSE
from tests.dbt.world.simulation import NOW, simulated_marts
from tests.questions import PAGE, Ask, answered, asking, questions

pytestmark = pytest.mark.slow
WORLD = Path(__file__).with_name("world")
EFFECT = WORLD / "effect_of_clicks.sql"
OF_THE_SOURCE = (WORLD / "figures_of_the_source.sql").read_text(encoding="utf-8")
TODAY = NOW.date()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published marts of the simulated world. The folder above has the database that they were made in."""
    return simulated_marts(tmp_path_factory.mktemp("simulation"))


@pytest.fixture(scope="module")
def ask(published: Path) -> Iterator[Ask]:
    """Yield a function that queries the published marts."""
    with asking(published) as asked:
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


@dataclass(frozen=True)
class Look:
    """An analyst's choice on a page: days, and filters. `campaigns` are the provider's identifiers."""

    first_day: date
    last_day: date = TODAY
    campaigns: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    currency: str = "EUR"


MONTH = TODAY - timedelta(days=27)
YESTERDAY = TODAY - timedelta(days=1)
LOOKS = {
    "a month": Look(MONTH),
    "all": Look(TODAY - timedelta(days=364)),
    "one day": Look(YESTERDAY, YESTERDAY),
    "today": Look(TODAY),
    "before there was anything": Look(date(2020, 2, 29), date(2020, 2, 29)),
    "a country": Look(MONTH, countries=("DE",)),
    "two countries": Look(MONTH, countries=("NL", "FR")),
    "a category": Look(MONTH, categories=("audio",)),
    "two categories": Look(MONTH, categories=("garden", "kitchen")),
    "campaigns": Look(MONTH, campaigns=("first", "third")),
    "all at once": Look(
        MONTH, campaigns=("first", "second"), categories=("audio", "furniture"), countries=("DE", "NL")
    ),
    "what there is not": Look(MONTH, countries=("' or 1 = 1 --",)),
    "another currency": Look(MONTH, currency="USD"),
}
ORDINALS = ("first", "second", "third")
"""Of the campaigns, by how many orders are attributed to them: what a test may name before the world is there."""


@pytest.fixture(scope="module")
def campaigns(published: Path) -> Mapping[str, tuple[str, str]]:
    """Identifier and key of the three campaigns, by ordinal."""
    with duckdb.connect(str(published), read_only=True) as connection:
        best = connection.execute(
            "select campaign_id, campaign_key from MART.fct_orders join MART.dim_campaign "
            "on campaign_key = attributed_campaign_key group by all order by count(*) desc, 1 limit 3"
        ).fetchall()
    return {ordinal: (identifier, key) for ordinal, (identifier, key) in zip(ORDINALS, best, strict=True)}


@pytest.mark.parametrize("name", LOOKS)
def test_the_pages_show_what_sql_on_the_source_counts(
    published: Path, campaigns: Mapping[str, tuple[str, str]], name: str
) -> None:
    look = LOOKS[name]
    chosen = [campaigns[ordinal] for ordinal in look.campaigns]
    working = published.parents[1] / published.name
    counted = _row(working, OF_THE_SOURCE, vars(look) | {"campaigns": [identifier for identifier, _ in chosen]})
    values = vars(look) | {"campaigns": tuple(key for _, key in chosen)}
    values |= {
        f"every_{one}": 0 if values[several] else 1
        for one, several in (("campaign", "campaigns"), ("category", "categories"), ("country", "countries"))
    }
    shown: dict[str, Any] = {}
    for query in ("order_totals", "line_totals", "message_totals", "attribution_totals"):
        asked = sql.statement(query, values)
        shown |= _row(published, asked.sql, asked.values)

    assert counted.keys() <= shown.keys()
    assert {figure: _number(shown[figure]) for figure in counted} == {
        figure: pytest.approx(_number(value)) for figure, value in counted.items()
    }
    if name in ("a month", "all", "campaigns"):
        assert [figure for figure, value in counted.items() if not value] == []


def _row(database: Path, query: str, values: object) -> dict[str, Any]:
    """Return the only row of a query, by column."""
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("use MART")
        found = connection.execute(query, values)
        [row] = found.fetchall()
        return {column[0]: value for column, value in zip(found.description or (), row, strict=True)}


def _number(value: Any) -> float:
    """Return a sum as a number. A sum over no rows is null, which a page shows as a dash."""
    return float(value or 0)

"""The shop's rules, without a database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import psycopg2
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from postgres.command import parse_duration
from postgres.shop.basket import BasketLine, draw_basket
from postgres.shop.catalogue import Assortment, changed_price, draw_product, line_total, popularity, sku
from postgres.shop.chance import Weighted, fraction, generator
from postgres.shop.customers import draw_customer_number, email_address
from postgres.shop.fulfilment import allocate, choose_warehouse
from postgres.shop.lifecycle import OrderStatus, next_step, steps
from postgres.shop.replenishment import deliveries, first_stock, order_up_to
from postgres.shop.rhythm import OFFICE, SHOPPING, Rhythm, Timeline, arrivals
from postgres.shop.stock_book import StockBook
from postgres.shop.world import MARKETS, SITES, demand_share, home_site

MONDAY = datetime(2026, 10, 5, tzinfo=UTC)
instants = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
seeds = st.integers(0, 2**32)
spans = st.timedeltas(timedelta(microseconds=1), timedelta(days=9))
prices = st.decimals(Decimal("0.99"), Decimal("99999.99"), places=2)


@given(seeds, instants, spans, st.floats(0, 200), st.sampled_from([SHOPPING, OFFICE]))
def test_arrivals_lie_in_the_span_in_order(
    seed: int, start: datetime, span: timedelta, per_day: float, rhythm: Rhythm
) -> None:
    times = arrivals(generator(seed), start, start + span, per_day, rhythm)
    assert times == sorted(times)
    assert all(start < at <= start + span for at in times)


@given(seeds)
def test_a_week_brings_seven_times_the_daily_rate(seed: int) -> None:
    assert len(arrivals(generator(seed), MONDAY, MONDAY + timedelta(days=7), 10, SHOPPING)) in (70, 71)


def test_short_spans_add_up_to_the_rate() -> None:
    rng = generator("short spans")
    minutes = (MONDAY + timedelta(minutes=minute) for minute in range(7 * 24 * 60))
    count = sum(len(arrivals(rng, at, at + timedelta(minutes=1), 500, SHOPPING)) for at in minutes)
    assert count == pytest.approx(3_500, rel=0.05)


def test_nobody_works_in_the_office_at_night() -> None:
    night = MONDAY + timedelta(hours=20)
    assert arrivals(generator(1), night, night + timedelta(hours=9), 1_000, OFFICE) == []


@given(st.lists(st.integers(0, 50)))
def test_timeline_hands_out_by_time_and_then_by_arrival(minutes: list[int]) -> None:
    timeline: Timeline[int] = Timeline()
    for number, minute in enumerate(minutes):
        timeline.push(MONDAY + timedelta(minutes=minute), number)
    handed_out = [number for _, number in timeline.until(MONDAY + timedelta(hours=1))]
    assert handed_out == sorted(range(len(minutes)), key=lambda number: (minutes[number], number))


def test_timeline_heeds_events_pushed_on_the_way() -> None:
    timeline: Timeline[str] = Timeline()
    timeline.push(MONDAY, "first")
    seen = []
    for at, event in timeline.until(MONDAY + timedelta(hours=2)):
        seen.append(event)
        if len(seen) < 5:
            timeline.push(at + timedelta(hours=1), "later")
    assert seen == ["first", "later", "later"]


@given(st.integers(1, 10**9), instants)
def test_an_order_runs_one_of_two_courses(order_id: int, placed_at: datetime) -> None:
    course = steps(order_id, placed_at)
    assert [step.status for step in course] in (
        [OrderStatus.CANCELLED],
        [OrderStatus.SHIPPED, OrderStatus.DELIVERED],
    )
    times = [placed_at, *(step.at for step in course)]
    assert times == sorted(set(times))
    assert next_step(order_id, placed_at, OrderStatus.PLACED) == course[0]
    assert next_step(order_id, placed_at, course[-1].status) is None


def test_some_orders_are_cancelled() -> None:
    cancelled = sum(steps(number, MONDAY)[0].status is OrderStatus.CANCELLED for number in range(5_000))
    assert 0.03 < cancelled / 5_000 < 0.05


@given(st.integers(1, 60), instants, spans)
def test_deliveries_come_every_four_hours_however_time_is_cut(
    warehouse_id: int, start: datetime, span: timedelta
) -> None:
    middle, end = start + span / 2, start + span
    whole = list(deliveries(warehouse_id, start, end))
    assert whole == [*deliveries(warehouse_id, start, middle), *deliveries(warehouse_id, middle, end)]
    assert all(start < at <= end for at in whole)
    assert {b - a for a, b in pairwise(whole)} <= {timedelta(hours=4)}


@given(st.integers(1, 10_000))
def test_a_delivery_lifts_stock_above_the_reorder_point(reorder_point: int) -> None:
    assert first_stock(reorder_point) > order_up_to(reorder_point) > reorder_point


stock = st.dictionaries(st.integers(1, 6), st.integers(0, 5))


@given(st.none() | st.integers(1, 6), stock, st.integers(1, 6))
def test_a_line_ships_from_a_warehouse_that_has_it(home: int | None, on_hand: dict[int, int], quantity: int) -> None:
    chosen = choose_warehouse(home, on_hand, quantity)
    if chosen is None:
        assert all(units < quantity for units in on_hand.values())
    else:
        assert on_hand[chosen] >= quantity
        assert chosen == home or home is None or on_hand.get(home, 0) < quantity


def test_lines_without_stock_are_left_out_of_the_allocation() -> None:
    lines = [BasketLine(number, 2, Decimal(0)) for number in (1, 2, 3)]
    allocations = allocate(lines, 1, {1: {1: 2, 2: 9}, 2: {1: 1, 2: 1}})
    assert [(a.line.product_id, a.warehouse_id) for a in allocations] == [(1, 1)]


@given(seeds, prices)
def test_a_changed_price_is_another_price_that_the_column_holds(seed: int, price: Decimal) -> None:
    changed = changed_price(generator(seed), price)
    assert changed != price
    assert changed > 0
    assert changed.as_tuple().exponent == -2


@given(seeds)
def test_products_are_fit_for_the_catalogue(seed: int) -> None:
    product = draw_product(generator(seed))
    assert product.price >= Decimal("0.99")
    assert product.name
    assert {"material", "colour", "weight_grams", "dimensions_mm", "tags"} <= set(product.attributes)


def test_numbers_of_five_digits_at_least() -> None:
    assert (sku(7), sku(1234567)) == ("SKU-00007", "SKU-1234567")
    assert (email_address(42), email_address(123456)) == ("shopper00042@mail.example", "shopper123456@mail.example")


@given(st.integers(1, 10**9))
def test_popularity_lasts_and_is_bounded(product_id: int) -> None:
    assert 1 <= popularity(product_id) == popularity(product_id) <= 30


@given(seeds, st.sets(st.integers(1, 500), min_size=1, max_size=30))
def test_baskets_hold_different_products_on_sale(seed: int, on_sale: set[int]) -> None:
    basket = draw_basket(generator(seed), Assortment(on_sale))
    products = [line.product_id for line in basket]
    assert 1 <= len(products) == len(set(products))
    assert set(products) <= on_sale


def test_an_assortment_changes_by_one_product() -> None:
    assortment = Assortment([3, 1])
    assert list(assortment.with_product(2)) == [1, 2, 3]
    assert list(assortment.without_product(1)) == [3]
    assert list(assortment.without_product(9)) == [1, 3]
    assert sum(map(assortment.share, (1, 3))) == pytest.approx(1)
    assert draw_basket(generator(1), Assortment([])) == ()


@given(seeds, st.integers(1, 50))
def test_customer_numbers_exist(seed: int, highest: int) -> None:
    assert 1 <= draw_customer_number(generator(seed), highest) <= highest


def test_weights_are_proportions() -> None:
    rng, coin = generator(1), Weighted("abc", (3, 0, 1))
    drawn = [coin.draw(rng) for _ in range(4_000)]
    assert drawn.count("a") / 4_000 == pytest.approx(0.75, abs=0.03)
    assert "b" not in drawn
    with pytest.raises(IndexError):
        Weighted((), ()).draw(rng)
    with pytest.raises(ValueError, match="2 values, 1 weights"):
        Weighted((1, 2), (1,))


def test_chance_is_the_same_everywhere() -> None:
    assert generator(1, "orders").random() == 0.8430917570972493
    assert fraction("popularity", 1) == 0.9589751158439344


def test_markets_are_served_by_warehouses() -> None:
    assert sum(demand_share(site.code) for site in SITES) == pytest.approx(1)
    assert {home_site(market.country) for market in MARKETS} == {site.code for site in SITES}
    assert home_site("US") is None


def test_stock_book_refuses_negative_stock() -> None:
    book = StockBook()
    book.open(1, 1, 2, MONDAY)
    book.move(1, 1, 3, "initial", MONDAY)
    with pytest.raises(ValueError, match="has 3 of product 1"):
        book.move(1, 1, -4, "sale", MONDAY, 1)
    assert book.low(1) == []
    book.move(1, 1, -2, "sale", MONDAY, 1)
    assert book.low(1) == [1]


@pytest.mark.parametrize(
    ("text", "seconds"), [("1d", 86_400), ("90m", 5_400), ("1d12h", 129_600), ("10s", 10), ("1h1m1s", 3_661)]
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@given(st.text(max_size=8))
def test_other_durations_are_refused(text: str) -> None:
    if not re.fullmatch(r"([0-9]+[dhms])+", text):
        with pytest.raises(typer.BadParameter):
            parse_duration(text)


lines = st.tuples(
    st.integers(1, 10_000),
    st.decimals(0, Decimal("9999999.99"), places=2),
    st.decimals(0, Decimal("0.9999"), places=4),
)


@pytest.fixture(scope="module")
def cursor(admin_dsn: str) -> Iterator[psycopg2.extensions.cursor]:
    connection = psycopg2.connect(admin_dsn)
    yield connection.cursor()
    connection.close()


@given(st.lists(lines, min_size=1, max_size=50))
def test_line_totals_are_those_of_postgres(
    cursor: psycopg2.extensions.cursor, lines: list[tuple[int, Decimal, Decimal]]
) -> None:
    quantities, unit_prices, discounts = map(list, zip(*lines, strict=True))
    cursor.execute(
        "select round(q * p * (1 - d), 2) from unnest(%s::int[], %s::numeric[], %s::numeric[]) as line (q, p, d)",
        (quantities, unit_prices, discounts),
    )
    assert [line_total(*line) for line in lines] == [total for (total,) in cursor]

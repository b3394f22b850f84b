"""The response of customers to links in e-mails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from statistics import mean
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection

from postgres.activity import advance
from postgres.connection import connected
from postgres.errors import ShopError
from postgres.seed import seed_shop
from postgres.shop.customers import email_address
from postgres.shop.response import RESPONSE, Purchase, purchases
from postgres.shop.visits import Visit
from postgres.web_log import WebLog
from tests.postgres.conftest import BUSINESS_NOW, SMALL, Shop
from tests.postgres.shop_state import one, query, violations

DAY = timedelta(days=1)
BEGIN = BUSINESS_NOW - 10 * DAY


@dataclass(frozen=True)
class Told:
    """Visits that are known in advance."""

    visits: tuple[Visit, ...]

    def between(self, start: datetime, end: datetime) -> Iterable[Visit]:
        return [visit for visit in self.visits if start <= visit.at < end]


def every(minutes: int, days: int, customers: int = 200) -> Told:
    """Return visits at even intervals, of one customer after the other, to the same few pages."""
    count = days * 24 * 60 // minutes
    return Told(
        tuple(
            Visit(BEGIN + n * timedelta(minutes=minutes), email_address(1 + n % customers), f"SKU-{1 + n % 7:05d}")
            for n in range(count)
        )
    )


MANY = every(minutes=3, days=12)


def told(purchase: Purchase) -> tuple[object, ...]:
    return purchase.at, purchase.email, purchase.sku, purchase.rng.getstate()


def test_rate_delay_and_promoted_share_are_the_planted_ones() -> None:
    made = list(purchases(MANY, BEGIN - DAY, BEGIN + 30 * DAY))
    assert len(made) / len(MANY.visits) == pytest.approx(RESPONSE.order_share, rel=0.05)
    assert mean(purchase.sku is not None for purchase in made) == pytest.approx(RESPONSE.promoted_share, rel=0.05)
    visited = {(visit.email, visit.sku): visit.at for visit in every(minutes=3 * 24 * 60, days=4_000).visits}
    lone = Told(tuple(Visit(at, email, sku) for (email, sku), at in visited.items()))
    at = {visit.email + visit.sku: visit.at for visit in lone.visits}
    delays = [
        purchase.at - at[purchase.email + purchase.sku]
        for purchase in purchases(lone, BEGIN - DAY, BEGIN + 5_000 * DAY)
        if purchase.sku
    ]
    assert timedelta(minutes=1) <= min(delays) < max(delays) <= RESPONSE.longest_delay
    assert mean(delay / RESPONSE.mean_delay for delay in delays) == pytest.approx(1, rel=0.2)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 16 * 24 * 60), min_size=1, max_size=8))
def test_spans_split_anywhere_hold_the_same_purchases(cuts: list[int]) -> None:
    bounds = [BEGIN - DAY, *(BEGIN + timedelta(minutes=cut) for cut in sorted(cuts)), BEGIN + 17 * DAY]
    few = Told(MANY.visits[::40])
    parts = [told(purchase) for start, end in pairwise(bounds) for purchase in purchases(few, start, end)]
    assert sorted(parts) == sorted(told(purchase) for purchase in purchases(few, bounds[0], bounds[-1]))


def test_the_shop_sells_on_top_what_comes_of_visits_before_and_after_the_seed(
    new_shop: Callable[[], Shop], seeded_connection: Connection
) -> None:
    visits = every(minutes=15, days=12, customers=120)
    shop = new_shop()
    with connected(shop.owner, application_name="tests") as connection:
        seed_shop(connection, business_now=BUSINESS_NOW, scale=SMALL, seed=11, visits=visits)
        advance(connection, business_now=BUSINESS_NOW, span=3 * DAY, visits=visits)
        assert violations(connection) == {}
        wanted = list(purchases(visits, BEGIN, BUSINESS_NOW + 3 * DAY))
        ordered = query(
            connection,
            """
            select placed_at, email, array_agg(sku order by line_number)
            from orders
            join customers using (customer_id) join order_items using (order_id) join products using (product_id)
            group by 1, 2, order_id
            """,
        )
        orders = one(connection, "select count(*) from orders where placed_at < %s", (BUSINESS_NOW,))
    baskets = {(at, email): skus for at, email, skus in ordered}
    came = [purchase for purchase in wanted if (purchase.at, purchase.email) in baskets]
    assert len(came) / len(wanted) > 0.95
    assert {purchase.at < BUSINESS_NOW for purchase in came} == {True, False}
    promoted = [purchase for purchase in came if purchase.sku]
    hit = [purchase for purchase in promoted if purchase.sku in baskets[purchase.at, purchase.email]]
    assert len(hit) / len(promoted) > 0.9
    without = one(seeded_connection, "select count(*) from orders")
    before = sum(purchase.at < BUSINESS_NOW for purchase in came)
    assert orders - without == pytest.approx(before, rel=0.1)


@dataclass(frozen=True)
class Page:
    """A web server that answers every request alike."""

    url: str
    asked: list[str]


@pytest.fixture
def serve() -> Iterator[Callable[[int, bytes], Page]]:
    servers: list[HTTPServer] = []

    def start(status: int, body: bytes) -> Page:
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(f"{self.path} {self.headers['Authorization']}")
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return Page(f"http://127.0.0.1:{servers[-1].server_port}/admin/visits", asked)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_web_log_asks_week_by_week_and_knows_product_pages(serve: Callable[[int, bytes], Page]) -> None:
    page = serve(
        200,
        b'[{"at": "2026-10-01T08:00:00.000001Z", "recipient": "a@b", "url": "https://s/p/SKU-00007?m=x"},'
        b' {"at": "2026-10-01T09:00:00.000000Z", "recipient": "a@b", "url": "https://s/unsubscribe"}]',
    )
    visits = list(WebLog(page.url, "k").between(BEGIN, BEGIN + 10 * DAY))
    assert [(visit.email, visit.sku, visit.at.microsecond) for visit in visits] == [("a@b", "SKU-00007", 1)] * 2
    assert len(page.asked) == 2
    assert page.asked[0].endswith(" Bearer k")


@pytest.mark.parametrize(("status", "body"), [(403, b"{}"), (200, b"<html>"), (500, b"")])
def test_a_web_log_that_does_not_answer_is_an_error_that_says_what_to_do(
    serve: Callable[[int, bytes], Page], status: int, body: bytes
) -> None:
    with pytest.raises(ShopError, match="SHOP_VISITS_URL"):
        list(WebLog(serve(status, body).url, "secret-key").between(BEGIN, BUSINESS_NOW))


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "file:///etc/passwd", "nonsense"])
def test_an_address_that_leads_nowhere_is_an_error(url: str) -> None:
    with pytest.raises(ShopError, match="SHOP_VISITS_URL"):
        list(WebLog(url, "secret-key").between(BEGIN, BUSINESS_NOW))

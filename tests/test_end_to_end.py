"""The whole line, as a user runs it: the marts equal what the sources say, recomputed here by other code.

A full load; then the shop and the provider live on; then a run that is killed half-way; then one that is not.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import httpx
import psycopg2
import pytest

from ingest.lake.log import CommitLog
from ingest.lake.store import ObjectStore
from ingest.settings import LakeSettings
from orchestration.local.processes import ProcessGroup
from orchestration.local.run_directory import RunDirectory
from orchestration.local.saas_server import SaasServer, start_saas
from orchestration.local.shop import Shop
from tests.conftest import BUSINESS_NOW, small_provider

REPOSITORY = Path(__file__).parents[1]
DATABASE = "DP_MAILBLAZE_DEMO_DEV_DB"
SALT = "dev-only-salt"
EVENT_TYPES = {"sent", "delivered", "bounced", "opened", "clicked", "unsubscribed", "complained"}


@dataclass(frozen=True)
class Platform:
    """The flow's environment, and the sources behind it."""

    shop: Shop
    provider: SaasServer
    lake: LakeSettings
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "POSTGRES_DSN": self.shop.ingest_dsn,
            "SAAS_BASE_URL": self.provider.base_url,
            "SAAS_API_KEY": self.provider.api_key,
            "RAW_BUCKET": self.lake.bucket,
            "AWS_ENDPOINT_URL": self.lake.endpoint_url or "",
            "AWS_REGION": self.lake.region,
            "WAREHOUSE_DIR": str(self.folder / "warehouse"),
            "RUNS_DIR": str(self.folder / "runs"),
            "PREFECT_HOME": str(self.folder / "prefect"),
            "EMAIL_SALT": SALT,
        }

    def start_flow(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "orchestration/prefect/flow.py"],
            cwd=REPOSITORY,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run_flow(self) -> str:
        output, _ = (process := self.start_flow()).communicate()
        assert process.returncode == 0, output
        return output

    def kill_flow_after(self, words: str) -> None:
        """Start the flow, and kill it with all its children when it has printed `words`."""
        process = self.start_flow()
        assert process.stdout is not None
        seen = []
        for line in process.stdout:
            seen.append(line)
            if words in line:
                os.killpg(process.pid, signal.SIGKILL)
                break
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL, "".join(seen)

    def mart(self, query: str) -> list[tuple[Any, ...]]:
        """What a reader of the published marts gets."""
        path = self.folder / "warehouse" / "published" / f"{DATABASE}.duckdb"
        with duckdb.connect(str(path), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def source(self, query: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self.shop.owner_dsn)) as connection, connection.cursor() as cursor:
            cursor.execute("set timezone to 'UTC'")
            cursor.execute(query)
            return cursor.fetchall()

    def events(self) -> list[dict[str, Any]]:
        """The provider's events below the watermark that keep the contract, each once."""
        head = CommitLog(ObjectStore(self.lake), "email_events").head()
        assert head is not None
        assert head.watermark.after is not None
        records = self._pages("/v1/events", until=head.watermark.after)
        return list({record["event_id"]: record for record in records if _keeps_contract(record)}.values())

    def _pages(self, path: str, *, until: datetime) -> Iterator[Any]:
        headers = {"Authorization": f"Bearer {self.provider.api_key}"}
        with httpx.Client(base_url=self.provider.base_url, headers=headers, trust_env=False) as client:
            cursor: str | None = ""
            while cursor is not None:
                params = {"limit": "1000", "until": until.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
                page = client.get(path, params=params | ({"cursor": cursor} if cursor else {})).json()
                yield from page["data"]
                cursor = page["next_cursor"]


@pytest.fixture(scope="module")
def provider(processes: ProcessGroup, run_directory: RunDirectory, stack_logs: Path) -> SaasServer:
    """Its clock begins half a day before the shop's, so that its messages are about orders to come."""
    offset = BUSINESS_NOW - datetime.now(UTC)
    options = replace(small_provider(clock_offset=offset), events_per_day=2_000)
    return start_saas(processes, options, run_directory.path, stack_logs).ready()


@pytest.fixture
def platform(shop_database: Shop, provider: SaasServer, lake_settings: LakeSettings, tmp_path: Path) -> Platform:
    return Platform(shop_database, provider, lake_settings, tmp_path)


def test_marts_equal_the_sources_after_a_full_load_a_busy_day_and_a_killed_run(platform: Platform) -> None:
    day = timedelta(days=1)
    first = platform.run_flow()
    assert_marts_equal_sources(platform)
    published = platform.mart("select count(*) from MART.fct_order_lines")

    platform.shop.advance(business_now=BUSINESS_NOW, span=3 * day, seed=7)
    platform.provider.advance_clock(day)
    platform.kill_flow_after("int_orders")
    assert platform.mart("select count(*) from MART.fct_order_lines") == published, "readers saw half a run"

    second = platform.run_flow()
    assert_marts_equal_sources(platform)
    assert platform.mart("select count(*) from MART.fct_order_lines") > published
    for output in (first, second):
        assert "Traceback" not in output
        assert "Warning" not in output


def assert_marts_equal_sources(platform: Platform) -> None:
    assert_order_lines(platform)
    assert_stock(platform)
    assert_customers(platform)
    assert_prices(platform)
    events = platform.events()
    assert_messages(platform, events)
    assert_campaign_performance(platform, events)


def assert_order_lines(platform: Platform) -> None:
    source = platform.source(
        "select i.order_item_id, i.order_id, i.product_id, o.customer_id, o.status, i.quantity, i.unit_price,"
        " i.line_total, o.placed_at at time zone 'UTC' from order_items i join orders o using (order_id) order by 1"
    )
    mart = platform.mart(
        "select order_item_id, order_id, product_id, customer_id, order_status, quantity, unit_price, net_amount,"
        " placed_at from MART.fct_order_lines order by 1"
    )
    assert mart == source


def assert_stock(platform: Platform) -> None:
    movements = "movement_id, product_id, quantity, reason, order_id"
    assert platform.mart(f"select {movements} from MART.fct_stock_movements order by 1") == platform.source(
        f"select {movements} from stock_movements order by 1"
    )
    on_hand = platform.source(
        "select w.code, l.product_id, l.on_hand from stock_levels l join warehouses w using (warehouse_id)"
        " where exists (select from stock_movements m where m.warehouse_id = l.warehouse_id"
        " and m.product_id = l.product_id) order by 1, 2"
    )
    closing_today = platform.mart(
        "select w.warehouse_code, i.product_id, i.closing_quantity from MART.fct_inventory_daily i"
        " join MART.dim_warehouse w using (warehouse_key)"
        " where inventory_date = (select max(inventory_date) from MART.fct_inventory_daily) order by 1, 2"
    )
    assert closing_today == on_hand


def assert_customers(platform: Platform) -> None:
    source = platform.source("select customer_id, email, country from customers order by 1")
    mart = platform.mart(
        "select customer_id, email_hash, country from MART.dim_customer where customer_id > 0 order by 1"
    )
    assert mart == [(number, _hash(email), country) for number, email, country in source]


def assert_prices(platform: Platform) -> None:
    source = platform.source("select product_id, price from products order by 1")
    mart = platform.mart(
        "select product_id, list_price from MART.dim_product where product_id > 0 and is_current"
        " and not is_deleted order by 1"
    )
    assert mart == source


def assert_messages(platform: Platform, events: list[dict[str, Any]]) -> None:
    assert platform.mart("select count(*) from MART.fct_email_events") == [(len(events),)]
    first: dict[str, dict[str, datetime]] = defaultdict(dict)
    clicks: Counter[str] = Counter()
    for event in events:
        stages = first[event["message_id"]]
        occurred_at = _moment(event["occurred_at"])
        stages[event["type"]] = min(occurred_at, stages.get(event["type"], occurred_at))
        clicks[event["message_id"]] += event["type"] == "clicked"
    names = ("sent", "delivered", "bounced", "opened", "clicked")
    expected = sorted((message, *map(stages.get, names), clicks[message]) for message, stages in first.items())
    mart = platform.mart(
        "select message_id, sent_at, delivered_at, bounced_at, first_opened_at, first_clicked_at, click_count"
        " from MART.fct_email_messages order by 1"
    )
    assert mart == expected


def assert_campaign_performance(platform: Platform, events: list[dict[str, Any]]) -> None:
    """Revenue by last click: an order that is not cancelled counts for the last click of its customer in 7 days."""
    clicks = defaultdict(list)
    for event in events:
        if event["type"] == "clicked":
            click = (_moment(event["occurred_at"]), event["event_id"], event["campaign_id"])
            clicks[event["recipient"]].append(click)
    revenue: dict[tuple[str, date], Decimal] = defaultdict(Decimal)
    orders = platform.source(
        "select c.email, o.placed_at at time zone 'UTC', o.total_amount from orders o join customers c"
        " using (customer_id) where o.status <> 'cancelled'"
    )
    for email, placed_at, total in orders:
        before = [click for click in clicks[email] if placed_at - timedelta(days=7) <= click[0] <= placed_at]
        if before:
            clicked_at, _, campaign = max(before)
            revenue[campaign, clicked_at.date()] += total
    mart = platform.mart(
        "select campaign_id, activity_date, attributed_revenue from MART.fct_campaign_performance"
        " join MART.dim_campaign using (campaign_key) where attributed_orders > 0"
    )
    assert revenue, "no order met a click: the comparison would be empty words"
    assert {(campaign, day): amount for campaign, day, amount in mart} == dict(revenue)


def _keeps_contract(record: object) -> bool:
    texts = ("event_id", "type", "message_id", "campaign_id", "recipient", "occurred_at", "received_at")
    if not isinstance(record, dict) or any(not isinstance(record.get(name), str) for name in texts):
        return False
    return record["type"] in EVENT_TYPES and _is_moment(record["occurred_at"])


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


def _hash(email: str) -> str:
    return hashlib.sha256(f"{SALT}{email.strip().lower()}".encode()).hexdigest()

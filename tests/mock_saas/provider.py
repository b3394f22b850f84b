"""The provider in tests: its listings, its API through ASGI, and a clock that stands still."""

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import httpx
import orjson
from fastapi import FastAPI

from mock_saas.api.app import create_app, make_lists
from mock_saas.clock import ProviderClock
from mock_saas.history.campaign_list import CampaignList
from mock_saas.history.event_list import EventList
from mock_saas.history.randomness import Randomness
from mock_saas.settings import Settings
from mock_saas.timestamps import DAY_US, format_us, to_us
from mock_saas.windows import Count, Page, Position, Window

API_KEY = "key-of-the-tests"
ADMIN_KEY = "admin-key-of-the-tests"
EPOCH = datetime(2025, 3, 1, tzinfo=UTC)
EPOCH_US = to_us(EPOCH)
NOW_US = EPOCH_US + 10 * DAY_US + DAY_US // 2

EVERYTHING = Window(None, None)


class StoppedClock(ProviderClock):
    """A provider's clock that only moves when it is advanced."""

    def __init__(self, now_us: int = NOW_US) -> None:
        super().__init__(read_ns=lambda: now_us * 1000)


def settings(**changes: Any) -> Settings:
    """Return settings for tests: a fixed epoch and key, whatever the environment."""
    return Settings(**{"api_key": API_KEY, "epoch": EPOCH, "environment": "test", **changes})


def event_list(**changes: Any) -> EventList:
    """Return the listing of events."""
    return _lists(**changes)[1]


def campaign_list(**changes: Any) -> CampaignList:
    """Return the listing of campaigns."""
    return _lists(**changes)[0]


def _lists(**changes: Any) -> tuple[CampaignList, EventList]:
    chosen = settings(**changes)
    return make_lists(chosen, Randomness(chosen.seed), EPOCH_US)[:2]


def walk(
    records: EventList | CampaignList, window: Window = EVERYTHING, limit: int = 1000, now_us: int = NOW_US
) -> list[str]:
    """Return all records of a window, page by page."""
    return [text for page in pages(records, window, limit, now_us) for text in page.records]


def pages(
    records: EventList | CampaignList, window: Window = EVERYTHING, limit: int = 1000, now_us: int = NOW_US
) -> Iterator[Page]:
    """Yield the pages of a walk."""
    after: Position | None = None
    while True:
        page = records.page(window, after, limit, now_us)
        yield page
        if not page.has_more:
            return
        after = page.last


def count(records: EventList | CampaignList, window: Window = EVERYTHING, now_us: int = NOW_US) -> Count:
    """Return the number of records in a window."""
    return deque([Count(0, 0), *records.counting(window, now_us)], maxlen=1).pop()


def parse(texts: list[str]) -> list[Any]:
    """Return the records of their texts."""
    return [orjson.loads(text) for text in texts]


def is_strictly_ascending(values: list[Any]) -> bool:
    """Return whether each value is greater than the one before."""
    return all(before < after for before, after in pairwise(values))


@dataclass
class Provider:
    """The API, called in process; requests are synchronous for the test."""

    app: FastAPI
    clock: StoppedClock
    _runner: asyncio.Runner = field(default_factory=asyncio.Runner)

    @classmethod
    def make(cls, **changes: Any) -> "Provider":
        """Return a provider with these settings."""
        clock = StoppedClock()
        return cls(create_app(settings(**changes), clock), clock)

    def get(self, path: str, *, key: str | None = API_KEY, **query: Any) -> httpx.Response:
        """Return a GET request with a key."""
        return self.request("GET", path, key=key, params=query)

    def admin(self, method: str, path: str, json: Any = None) -> httpx.Response:
        """Return a request to the admin routes."""
        return self.request(method, f"/admin{path}", key=ADMIN_KEY, json=json)

    def fault(self, **fault: Any) -> None:
        """Switch a fault on."""
        assert self.admin("POST", "/faults", fault).status_code == 201

    def request(self, method: str, path: str, *, key: str | None = API_KEY, **options: Any) -> httpx.Response:
        """Make any request; with ``key`` None, without Authorization."""
        headers = {**({"Authorization": f"Bearer {key}"} if key else {}), **options.pop("headers", {})}

        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://provider.test") as client:
                return await client.request(method, path, headers=headers, **options)

        return self._runner.run(call())

    def walk(self, path: str, **query: Any) -> list[Any]:
        """Return all records of a listing, following its cursors."""
        records: list[Any] = []
        page = self.get(path, **query).json()
        while True:
            records += page["data"]
            if not page["has_more"]:
                assert page["next_cursor"] is None
                return records
            page = self.get(path, cursor=page["next_cursor"], limit=query.get("limit", 100)).json()

    def close(self) -> None:
        """Ends the event loop."""
        self._runner.close()


def moment(us: int) -> str:
    """Return a time as text of the API."""
    return format_us(us)

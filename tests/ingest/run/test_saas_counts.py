"""The lake's count equals the provider's, whatever equal records without a key exist and whatever is read again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from pydantic import SecretStr

from ingest.contracts.model import StreamContract
from ingest.contracts.registry import ContractRegistry
from ingest.errors import AccessError
from ingest.lake.heads import read_heads
from ingest.lake.objects.store import ObjectStore
from ingest.retry import WaitBudget
from ingest.run.context import IngestionContext, StreamResult
from ingest.run.extract_saas import SaasExtraction
from ingest.run.quarantine import Quarantine
from ingest.settings import IngestSettings, LakeSettings
from ingest.sources.api.http import ApiClient
from orchestration.reconcile.lake import LakeCounter
from tests.ingest.sources.api.answers import Answers
from tests.ingest.sources.api.fake_provider import good_event

START = datetime(2026, 1, 31, tzinfo=UTC)


def at(hour: int) -> datetime:
    return START + timedelta(hours=hour)


@dataclass
class Provider:
    """An API over `history`, records by the hour of their receipt. Its clock stands at `hour`.

    It refuses the key after `pages_left` pages, and with `cursors_expire` page cursors of earlier runs.
    """

    history: Sequence[tuple[int, str]]
    hour: int = 0
    pages_left: int | None = None
    run: int = 0
    cursors_expire: bool = False
    asked: list[str] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        params = request.url.params
        start = params.get("from", "")
        until = params.get("until", "9999")
        found = [text for hour, text in self.history if start <= _rfc3339(at(hour)) < until]
        headers = {"Date": format_datetime(at(self.hour).astimezone(UTC), usegmt=True)}
        if request.url.path.endswith("/stats"):
            keys = [json.loads(text) for text in found]
            named = {item["event_id"] for item in keys if isinstance(item, dict) and "event_id" in item}
            unnamed = sum(not (isinstance(item, dict) and "event_id" in item) for item in keys)
            body = {"records": len(found), "distinct": len(named) + unnamed}
            return httpx.Response(200, headers=headers, json=body)
        if self.pages_left == 0:
            return httpx.Response(403, headers=headers)
        run, _, offset = params.get("cursor", f"{self.run}-0").partition("-")
        if self.cursors_expire and int(run) < self.run:
            return httpx.Response(400, headers=headers, json={"title": "unknown cursor"})
        if self.pages_left is not None and "until" in params:
            self.pages_left -= 1
        first, limit = int(offset), int(params["limit"])
        page, more = found[first : first + limit], first + limit < len(found)
        following = json.dumps(f"{self.run}-{first + limit}" if more else None)
        text = f'{{"data":[{",".join(page)}],"next_cursor":{following},"has_more":{json.dumps(more)}}}'
        return httpx.Response(200, headers=headers, text=text)


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def event(hour: int, number: int) -> tuple[int, str]:
    return hour, json.dumps(json.loads(good_event(number)) | {"received_at": _rfc3339(at(hour))})


def nulls(hour: int, times: int = 1) -> list[tuple[int, str]]:
    return [(hour, "null")] * times


@pytest.fixture
def contract() -> StreamContract:
    contract = ContractRegistry.load()["email_events"]
    spec = contract.spec.model_copy(update={"max_quarantine_ratio": 1.0})
    return contract.__class__(**{**vars(contract), "spec": spec})


@dataclass
class Platform:
    """Runs over the provider into one lake, each with pages and commits of its own size."""

    provider: Provider
    contract: StreamContract
    store: ObjectStore
    lake: LakeSettings

    def ingest(self, hour: int, page_size: int = 3) -> StreamResult:
        self.provider.hour = hour
        return self._extraction(page_size).ingest(keys=False, count=True)

    def backfill(self, start: int, end: int, page_size: int = 3) -> StreamResult:
        return self._extraction(page_size).backfill((at(start), at(end)))

    def _extraction(self, page_size: int) -> SaasExtraction:
        self.provider.run += 1
        settings = IngestSettings(
            postgres_dsn=SecretStr("postgresql://127.0.0.1:9/none"),
            saas_api_key=SecretStr("key"),
            saas_page_size=page_size,
            saas_commit_bytes=1,
            saas_settling_seconds=0,
            lake=self.lake,
        )
        context = IngestionContext(settings, self.store, f"run-{self.provider.run}", lambda stream, rows: None)
        context.heads = read_heads(self.store, [self.contract]).commits
        api = ApiClient("http://provider", SecretStr("key"), transport=Answers(self.provider.answer))
        return SaasExtraction(context, self.contract, api, WaitBudget(5))

    def assert_counts(self, result: StreamResult) -> None:
        """Check that the lake has as many rows as the source minus the refused ones, and that each of those is listed
        once.
        """
        assert result.source_count is not None
        head = read_heads(self.store, [self.contract]).commits[self.contract.stream]
        assert head is not None
        lake = LakeCounter(self.store).count(self.contract, head.version, result.source_count.in_flight)
        assert lake.current + lake.refused == result.source_count.rows
        assert len(Quarantine(self.store, self.contract).open()) == lake.refused


HISTORY = [
    *nulls(0, 2),
    event(0, 1),
    *nulls(0),
    event(1, 2),
    *nulls(2, 3),
    event(3, 3),
    (3, json.dumps({"received_at": _rfc3339(at(3))})),
    (3, json.dumps({"received_at": _rfc3339(at(3))})),
    event(4, 4),
    *nulls(5),
    event(6, 5),
    *nulls(6, 2),
]


@pytest.fixture
def platform(contract: StreamContract, store: ObjectStore, lake_settings: LakeSettings) -> Platform:
    return Platform(Provider(HISTORY), contract, store, lake_settings)


def test_equal_records_without_a_key_are_counted_as_the_source_counts_them(platform: Platform) -> None:
    result = platform.ingest(hour=4)
    assert result.source_count is not None
    assert result.source_count.rows == 11
    platform.assert_counts(result)
    platform.assert_counts(platform.ingest(hour=7))


@pytest.mark.parametrize("expired", [False, True], ids=["resumed", "read again"])
def test_a_window_that_broke_off_counts_nothing_twice(platform: Platform, *, expired: bool) -> None:
    platform.provider.pages_left = 3
    platform.provider.cursors_expire = expired
    with pytest.raises(AccessError):
        platform.ingest(hour=7, page_size=3)
    platform.provider.pages_left = None
    result = platform.ingest(hour=7, page_size=4)
    assert bool(result.notices) == expired
    platform.assert_counts(result)


@pytest.mark.slow
def test_a_backfill_counts_nothing_twice(platform: Platform) -> None:
    """It covers a part of a gap between readable records, or all of it, is repeated, or breaks off."""
    platform.ingest(hour=7)
    for start, end in ((2, 6), (2, 3), (0, 7), (5, 6), (2, 3)):
        platform.backfill(start, end, page_size=5)
        platform.assert_counts(platform.ingest(hour=7))
    platform.provider.pages_left = 1
    with pytest.raises(AccessError):
        platform.backfill(0, 7, page_size=4)
    platform.provider.pages_left = None
    platform.assert_counts(platform.ingest(hour=8))


@pytest.mark.slow
def test_a_lateness_counts_nothing_twice(platform: Platform) -> None:
    spec = platform.contract.spec.model_copy(update={"allowed_lateness": timedelta(hours=3)})
    platform.contract = platform.contract.__class__(**{**vars(platform.contract), "spec": spec})
    for hour in (1, 3, 5, 7, 8):
        platform.assert_counts(platform.ingest(hour=hour))


def test_a_backfill_ends_where_the_source_has_settled_and_says_so(platform: Platform) -> None:
    platform.ingest(hour=2)
    platform.provider.hour = 4
    landed = platform.backfill(1, 7)
    assert [commit.window.end for commit in landed.commits if commit.window] == [at(2), at(4)]
    assert landed.notices == (
        f"the source has settled until {at(4).isoformat()}: the window ends there, and not at {at(7).isoformat()}",
    )
    nothing = platform.backfill(5, 7)
    assert nothing.commits == ()
    assert "there is nothing to land yet" in nothing.notices[0]
    platform.assert_counts(platform.ingest(hour=7))

"""The pages of a window: every record once, equal ones in a row too, and a page that is given again is known again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from ingest.contracts.model import StreamContract
from ingest.contracts.registry import ContractRegistry
from ingest.errors import TransientError
from ingest.lake.commit import Resume, Window
from ingest.retry import WaitBudget
from ingest.sources.api.http import ApiClient
from ingest.sources.api.saas import Page, SaasStream
from tests.ingest.sources.api.answers import Answers

WINDOW = Window(start=None, end=datetime(2026, 2, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def contract() -> StreamContract:
    return ContractRegistry.load()["email_events"]


@dataclass
class Provider:
    """A provider that pages `records`.

    Each page at one of `given_again` leads to itself the first time, by a new cursor.
    """

    records: list[str]
    given_again: set[int] = field(default_factory=set)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        at, size = int(request.url.params.get("cursor", "0").partition("+")[0]), int(request.url.params["limit"])
        following: str | None = str(at + size)
        if at in self.given_again:
            self.given_again.remove(at)
            following = f"{at}+again"
        elif at + size >= len(self.records):
            following = None
        data = ",".join(self.records[at : at + size])
        more = json.dumps({"next_cursor": following, "has_more": following is not None})[1:-1]
        return httpx.Response(200, text=f'{{"data": [{data}], {more}}}')


@contextmanager
def stream_of(provider: Provider, contract: StreamContract, page_size: int) -> Iterator[SaasStream]:
    with ApiClient("http://provider.test", SecretStr("key"), Answers(provider)) as api:
        yield SaasStream(api, contract, page_size=page_size, budget=WaitBudget(0))


def walked(stream: SaasStream, *, break_after: int) -> list[str]:
    """Return the records of all pages. Those after `break_after` come from a walk that resumes there."""
    found: list[str] = []
    resume = None
    for number, page in enumerate(stream.pages(WINDOW), 1):
        found += [bytes(record).decode() for record in page.records]
        if number == break_after and page.next_cursor is not None:
            resume = resume_at(page)
            break
    if resume is not None:
        found += [bytes(record).decode() for page in stream.pages(WINDOW, resume=resume) for record in page.records]
    return found


def resume_at(page: Page) -> Resume:
    assert page.next_cursor is not None
    digest, cursor = (page.newest.digest, page.newest.cursor) if page.newest else (None, None)
    return Resume(page_cursor=page.next_cursor, window=WINDOW, page_digest=digest, digest_cursor=cursor)


def event(number: int) -> str:
    return json.dumps({"event_id": f"evt_{number}", "received_at": "2026-01-31T12:00:00Z"})


# Records that nothing tells from an equal one, and such as show their place; a run of each.
runs = st.tuples(st.sampled_from(["null", "5", '{"event_id": "e1"}', event(0)]), st.integers(1, 5))


@given(runs=st.lists(runs, max_size=6), page_size=st.integers(1, 4), break_after=st.integers(0, 6))
def test_equal_records_in_a_row_are_all_given(
    contract: StreamContract, runs: list[tuple[str, int]], page_size: int, break_after: int
) -> None:
    records = [record for record, times in runs for _ in range(times)]
    with stream_of(Provider(records), contract, page_size) as stream:
        assert walked(stream, break_after=break_after) == records


@given(
    records=st.lists(st.sampled_from(["null", "5", "{}"]), min_size=1, max_size=12)
    | st.integers(1, 12).map(lambda count: [event(number) for number in range(10, 10 + count)]),
    page_size=st.integers(1, 4),
    again=st.sets(st.integers(0, 11)),
    break_after=st.integers(0, 6),
)
def test_a_page_that_is_given_again_under_another_cursor_is_given_once(
    contract: StreamContract, records: list[str], page_size: int, again: set[int], break_after: int
) -> None:
    provider = Provider(records, {at * page_size for at in again if at * page_size < len(records)})
    with stream_of(provider, contract, page_size) as stream:
        assert walked(stream, break_after=break_after) == records


@pytest.mark.parametrize("member", ['"errors": [{"message": "shard 3 timed out"}]', '"error": {"code": "internal"}'])
def test_a_page_that_says_that_it_is_not_whole_is_asked_for_again(contract: StreamContract, member: str) -> None:
    page = f'{{"data": [], "next_cursor": null, "has_more": false, {member}}}'
    transport = Answers(lambda _: httpx.Response(200, text=page))
    with (
        ApiClient("http://provider.test", SecretStr("key"), transport) as api,
        pytest.raises(TransientError, match=r"not whole: .*(shard 3|internal)"),
    ):
        list(SaasStream(api, contract, page_size=10, budget=WaitBudget(0)).pages(WINDOW))

"""Damaged foreign text of any kind: it is read, or refused by one of our errors. Connection strings: tests/common."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from ingest.contracts.parse import parse_contract
from ingest.contracts.registry import PACKAGED, ContractRegistry
from ingest.errors import ContractError, DamagedLakeError, PlatformError
from ingest.lake.commit import Window
from ingest.lake.log import CommitLog
from ingest.retry import WaitBudget
from ingest.sources.api.http import ApiClient
from ingest.sources.api.json_scanner import UnreadableError, members, parts
from ingest.sources.api.saas import SaasStream
from tests.ingest.sources.api.answers import Answers

CONTRACTS = [path.read_text(encoding="utf-8") for path in sorted(Path(PACKAGED).glob("*.odcs.yaml"))]
COMMIT = json.dumps(
    {
        "stream": "events",
        "version": 3,
        "kind": "data",
        "batch_id": "b",
        "run_id": "r",
        "contract_version": "1.0.0",
        "contract_sha256": "00",
        "window": {"start": None, "end": "2026-03-01T00:00:00Z"},
        "watermark": {"before": None, "after": "2026-03-01T00:00:00Z"},
        "files": [{"key": "events/x.parquet", "rows": 1, "bytes": 1, "sha256": "0" * 64}],
        "counts": {"read": 1, "landed": 1, "quarantined": 0},
        "columns": {"event_id": "text"},
        "extracted_at": "2026-03-01T00:00:00Z",
        "committed_at": "2026-03-01T00:00:00Z",
    }
)
PAGE = json.dumps(
    {
        "data": [{"event_id": "a", "received_at": "2026-03-01T00:00:00.000000Z"}, {}],
        "next_cursor": None,
        "has_more": False,
    }
)
PIECES = [
    *'{}[]",:\\-&*!|>%@`#\n\t\0 ',
    *("null", "true", "NaN", "Infinity", "-0", "1e999", "9" * 400, "0x", "=", "[" * 2000, '{"a":' * 500),
    *("\ufeff", "\ud800", "\u202e", "\\u0000", "\\ud800", "2026-02-30T99:00:00Z", "9999-12-31T23:59:60+24:00"),
    *("!!python/object:os.system x", "&a [*a]", "<<: *x", "!!timestamp 1"),
]


@st.composite
def damaged(draw: Any, whole: str) -> str:
    """Return a text with some of its parts cut out, doubled, or overwritten."""
    text = whole
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 40)))
        put = draw(st.sampled_from(PIECES) | st.text(max_size=5) | st.just(text[start:end] * 2))
        text = text[:start] + put + text[end:]
    return text


def body_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def test_what_is_damaged_here_is_sound_at_first() -> None:
    store: Any = SimpleNamespace(get=lambda _: body_of(COMMIT), uri=str)
    assert CommitLog(store, "events").read(3) is not None
    assert [parse_contract(text, origin="x") for text in CONTRACTS]
    assert members(body_of(PAGE))[0][0] == b'"data"'


@settings(max_examples=150, deadline=None)
@given(damaged(COMMIT) | st.text(max_size=30))
def test_any_bytes_in_the_log_are_a_commit_or_a_damaged_lake(text: str) -> None:
    store: Any = SimpleNamespace(get=lambda _: body_of(text), uri=lambda key: f"s3://lake/{key}")
    try:
        commit = CommitLog(store, "events").read(3)
    except DamagedLakeError as error:
        assert "s3://lake/_log/events/" in str(error)  # noqa: PT017 - some are commits still
    else:
        assert commit is not None
        assert (commit.stream, commit.version) == ("events", 3)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(CONTRACTS).flatmap(damaged) | st.text(max_size=60))
def test_any_text_is_a_contract_or_a_contract_error(text: str) -> None:
    try:
        parse_contract(text, origin="somewhere.yaml")
    except ContractError as error:
        assert "somewhere.yaml" in str(error)  # noqa: PT017


@settings(max_examples=200, deadline=None)
@given(damaged(PAGE) | st.text(max_size=30))
def test_any_text_is_cut_into_records_or_is_unreadable(text: str) -> None:
    for cut in (members, partial(parts, opening=b"["), partial(parts, opening=b"{")):
        try:
            found = cut(body_of(text))
        except UnreadableError:
            continue
        assert isinstance(found, list)


@settings(max_examples=80, deadline=None)
@given(damaged(PAGE) | st.text(max_size=30))
def test_any_body_of_an_answer_is_a_page_or_an_error_of_ours(text: str) -> None:
    body = body_of(text)
    transport = Answers(lambda _: httpx.Response(200, content=body))
    contract = ContractRegistry.load()["email_events"]
    with ApiClient("http://provider.test", SecretStr("key"), transport) as api:
        stream = SaasStream(api, contract, page_size=10, budget=WaitBudget(0))
        try:
            next(iter(stream.pages(Window(start=None, end=None))))
        except PlatformError as error:
            assert str(error)  # noqa: PT017

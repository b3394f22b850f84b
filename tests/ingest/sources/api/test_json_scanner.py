"""Pages that one record makes unreadable: where the records can be told apart, each is there to the byte."""

from __future__ import annotations

import httpx
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from ingest.contracts.model import StreamContract
from ingest.contracts.registry import ContractRegistry
from ingest.errors import DataError, TransientError
from ingest.lake.commit import Window
from ingest.retry import WaitBudget
from ingest.sources.api import json_scanner
from ingest.sources.api.http import ApiClient
from ingest.sources.api.json_scanner import UnreadableError
from ingest.sources.api.records import RecordDecoder
from ingest.sources.api.saas import SaasStream
from tests.ingest.sources.api.answers import Answers
from tests.ingest.sources.api.json_texts import any_json, space

GOOD = [
    b'{"event_id":"e%d","type":"sent","message_id":"m","campaign_id":"c","recipient":"a, b] }, {",'
    b'"occurred_at":"2026-01-31T12:00:00Z","received_at":"2026-01-31T12:00:05Z"}' % number
    for number in range(3)
]

# Each is one value by its brackets and strings, and none of JSON.
BROKEN = {
    "half a surrogate": rb'{"note":"\ud83d"}',
    "half a surrogate in a name": rb'{"\udead":1}',
    "deep": b"[" * 1000 + b"]" * 1000,
    "deep objects": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "NaN": b'{"n":NaN}',
    "infinity": b"[-Infinity]",
    "leading zero": b'{"n":007}',
    "a dot at the end": b"1.",
    "a line break in a text": b'{"a":"b\nc, ] }"}',
    "a zero byte": b'{"a":"\x00"}',
    "a zero byte outside": b'{"a":\x00}',
    "an unknown escape": rb'{"a":"\q"}',
    "an escape that breaks off": rb'{"a":"\u12"}',
    "an escape that breaks off at a quote": rb'{"a":"\u1\"}"}',
    "a comma at the end": b'{"a":1,}',
    "no colon": b'{"a" "b"}',
    "a comment": b'{"a":1 /* two */}',
    "a BOM": b'\xef\xbb\xbf{"a":1}',
    "not UTF-8, and NaN": b'{"\xff":NaN}',
    "another encoding": 'NaN {"ü":1}'.encode("latin-1"),
    "no quotation marks": b"{a:1}",
    "other quotation marks": b"{'a':'b'}",
    "quotation marks in a text": b'{"a":"he said "hi, you" to me"}',
    "cut short": b"tru",
    "a word": b"undefined",
    "nothing": b"",
}


def page_of(records: list[bytes]) -> bytes:
    return b'{"next_cursor":null, "data" : [' + b",\n".join(records) + b'],"has_more":false}'


@pytest.fixture(scope="module")
def contract() -> StreamContract:
    return ContractRegistry.load()["email_events"]


def read(contract: StreamContract, body: bytes) -> list[bytes]:
    transport = Answers(lambda _: httpx.Response(200, content=body))
    with ApiClient("http://provider.test", SecretStr("key"), transport) as api:
        (page,) = SaasStream(api, contract, page_size=10, budget=WaitBudget(0)).pages(Window(start=None, end=None))
    return list(map(bytes, page.records))


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_record_among_good_ones_is_refused_to_the_byte_and_the_others_land(
    contract: StreamContract, broken: bytes
) -> None:
    records = [GOOD[0], broken, GOOD[1], broken, GOOD[2]]
    decoded = RecordDecoder(contract).decode(read(contract, page_of(records)), first_position=1)
    assert decoded.rows["payload"].to_pylist() == [record.decode() for record in GOOD]
    assert [(refused.position, refused.record) for refused in decoded.refused] == [(2, broken), (4, broken)]


@given(st.lists(any_json.map(str.encode), max_size=6), space.map(str.encode))
def test_what_is_json_is_taken_apart_as_the_strict_parser_does(records: list[bytes], between: bytes) -> None:
    text = b"[" + between + (between + b"," + between).join(records) + between + b"]"
    assert json_scanner.parts(text, b"[") == [bytes(part) for part in msgspec.json.decode(text, type=list[msgspec.Raw])]
    assert json_scanner.parts(text, b"[") == records


pieces = st.sampled_from(
    [b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b'"a"', b'"event_id"', b"null", b"1", b" ", b"\n", b"\xff", b"x"]
)


@given(st.lists(pieces, max_size=12).map(b"".join) | st.binary(max_size=12), st.integers(0, 3))
@example(b'{"a: 1}', 1)
@example(b'"a","b', 1)
@example(b'"}, {"a', 1)
@example(b"]", 2)
def test_whatever_is_between_good_records_harms_none_of_them(
    contract: StreamContract, inserted: bytes, place: int
) -> None:
    """Two of them, because two extra quotation marks may look like none."""
    records = [*GOOD[:place], inserted, *GOOD[place:], inserted]
    try:
        found = read(contract, page_of(records))
    except (TransientError, DataError):
        return
    assert [record for record in found if record in GOOD] == GOOD


@given(st.lists(pieces, max_size=30).map(b"".join))
def test_any_text_is_taken_apart_or_refused(text: bytes) -> None:
    for opening in (b"[", b"{"):
        try:
            parts = json_scanner.parts(text, opening)
        except UnreadableError:
            continue
        assert all(part in text for part in parts)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Please log in</html>",
        b'{"data":[{"a":1},{"b"',  # cut off
        b'{"data":[{"a":"\\ud800},{"b":2}],"next_cursor":null,"has_more":false}',
        b'{"data":[{"a":NaN}]],"next_cursor":null,"has_more":false}',
        b'{"data":[{"a":NaN}],"next_cursor":"\\ud800","has_more":true}',
        b'{"data":[{"a":NaN}],"data":[],"next_cursor":null,"has_more":false}',
        b'{"data":[{"a":NaN}],"next_cursor":null,"has_more":false} {}',
        b'{"data":[{"a: 1},{"event_id":"e1"},{"b: 2}],"next_cursor":null,"has_more":false}',
    ],
)
def test_a_page_whose_records_cannot_be_told_apart_is_asked_for_again(contract: StreamContract, body: bytes) -> None:
    with pytest.raises(TransientError, match="is not JSON"):
        read(contract, body)


def test_a_byte_order_mark_before_the_page_is_passed_over(contract: StreamContract) -> None:
    assert read(contract, b"\xef\xbb\xbf" + page_of(GOOD)) == GOOD

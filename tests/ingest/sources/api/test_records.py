"""Records of the provider: each kept to the byte beside its typed envelope, or refused with reason and position."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from ingest.contracts.model import StreamContract
from ingest.contracts.registry import ContractRegistry
from ingest.errors import ContractError, DataError
from ingest.lake.commit import Window
from ingest.retry import WaitBudget
from ingest.sources.api.http import ApiClient
from ingest.sources.api.records import Decoded, KeyDecoder, RecordDecoder
from ingest.sources.api.saas import SaasStream
from tests.ingest.contracts.contract_text import good_document, parsed, set_custom
from tests.ingest.sources.api.answers import Answers
from tests.ingest.sources.api.json_texts import any_json, space, strings

EVENT: dict[str, Any] = {
    "event_id": "evt_1",
    "type": "sent",
    "message_id": "msg_1",
    "campaign_id": "cmp_1",
    "recipient": "shopper00001@mail.example",
    "occurred_at": "2026-01-31T12:00:00.000001Z",
    "received_at": "2026-01-31T12:00:05.123456Z",
}
RECEIVED = datetime(2026, 1, 31, 12, 0, 5, 123456, UTC)


@pytest.fixture(scope="module")
def contract() -> StreamContract:
    return ContractRegistry.load()["email_events"]


@pytest.fixture(scope="module")
def decoder(contract: StreamContract) -> RecordDecoder:
    return RecordDecoder(contract)


def event(**changes: Any) -> bytes:
    """Return the event as JSON with changed fields; `...` removes a field."""
    return json.dumps({name: value for name, value in (EVENT | changes).items() if value is not ...}).encode()


def rows_of(decoded: Decoded) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = decoded.rows.to_pylist()
    return rows


@st.composite
def good_events(draw: st.DrawFn) -> tuple[str, bytes]:
    """Return an event id, and a good event with it: members in any order and spacing, with further members of
    any kind.
    """
    event_id = draw(st.text(st.characters(exclude_categories=["Cs"])))
    members = [(json.dumps(name), json.dumps(value)) for name, value in EVENT.items() if name != "event_id"]
    members.append(('"event_id"', draw(st.sampled_from([json.dumps(event_id, ensure_ascii=a) for a in (True, False)]))))
    known = [*EVENT, "link", "bounce", "user_agent"]
    extra = st.tuples(strings.filter(lambda text: json.loads(text) not in known), any_json)
    members = draw(st.permutations(members + draw(st.lists(extra, max_size=3))))
    s = [draw(space) for _ in range(4)]
    text = "{" + ",".join(f"{s[0]}{key}{s[1]}:{s[2]}{value}{s[3]}" for key, value in members) + "}"
    return event_id, text.encode()


@given(st.lists(good_events(), max_size=4))
def test_records_are_kept_to_the_byte(decoder: RecordDecoder, events: list[tuple[str, bytes]]) -> None:
    decoded = decoder.decode([record for _, record in events], first_position=1)
    assert decoded.refused == []
    assert rows_of(decoded) == [
        {"event_id": event_id, "received_at": RECEIVED, "payload": record.decode()} for event_id, record in events
    ]


@given(st.lists(good_events() | any_json.map(lambda text: ("", text.encode())), max_size=5), space)
def test_a_page_gives_its_records_to_the_byte(
    contract: StreamContract, records: list[tuple[str, bytes]], between: str
) -> None:
    spaced = f"{between},{between}".encode().join(record for _, record in records)
    body = b'{"next_cursor":null, "data" : [' + between.encode() + spaced + b'],"has_more":false}'
    assert list(pages(contract, body)) == [[record for _, record in records]]


def pages(contract: StreamContract, *bodies: bytes) -> Iterator[list[bytes]]:
    """Yield the records of each page in the API's responses."""
    answers = iter(bodies)
    transport = Answers(lambda _: httpx.Response(200, content=next(answers)))
    with ApiClient("http://provider.test", SecretStr("key"), transport) as api:
        stream = SaasStream(api, contract, page_size=10, budget=WaitBudget(0))
        for page in stream.pages(Window(start=None, end=RECEIVED)):
            yield list(map(bytes, page.records))


members = st.sampled_from(
    [
        '"link": {"url": "https://x/\\"", "sku": null}',
        '"link": {"sku": "S", "sku": "T"}',
        '"link": null',
        '"bounce": {"class": "hard", "code": 550, "reason": "\\u0022"}',
        '"bounce": {"code": 1, "code": 2}',
        '"user_agent": "a"',
        '"user_agent": null',
        '"user_\\u0061gent": "b"',
        '"type": "sent"',
        '"unknown": "c"',
        '"unknown": {"type": "d", "type": "\\""}',
    ]
)


@given(st.lists(st.lists(members, max_size=4), min_size=1, max_size=4))
def test_members_given_twice_are_found_alone_and_among_others(decoder: RecordDecoder, added: list[list[str]]) -> None:
    """In a page they are counted, by quotation marks or by names."""
    records = [(event()[:-1].decode() + "".join(f", {member}" for member in more) + "}").encode() for more in added]
    together = decoder.decode(records, first_position=1)
    for record, more in zip(records, added, strict=True):
        names = [str(json.loads(member.partition(":")[0])) for member in more]
        known = [name for name in names if name != "unknown"]
        inner = any(
            member in more for member in ('"link": {"sku": "S", "sku": "T"}', '"bounce": {"code": 1, "code": 2}')
        )
        twice = inner or len(known) > len(set(known)) or "type" in known
        assert (record in [refused.record for refused in together.refused]) is twice
        assert bool(decoder.decode([record], first_position=1).refused) is twice


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)), st.integers(-1439, 1439))  # noqa: DTZ001
def test_a_moment_in_any_zone_lands_in_utc(decoder: RecordDecoder, wall: datetime, offset: int) -> None:
    moment = wall.replace(tzinfo=timezone(timedelta(minutes=offset)))
    decoded = decoder.decode([event(received_at=moment.isoformat())], first_position=1)
    assert [row["received_at"] for row in rows_of(decoded)] == [moment.astimezone(UTC)]


@pytest.mark.parametrize("spelling", ["2026-01-31t12:00:05.123456z", "2026-01-31T12:00:05.123456+00:00"])
def test_the_spellings_of_rfc_3339_are_one_moment(spelling: str, decoder: RecordDecoder) -> None:
    decoded = decoder.decode([event(received_at=spelling)], first_position=1)
    assert [row["received_at"] for row in rows_of(decoded)] == [RECEIVED]


def test_a_moment_in_lower_case_is_kept_to_the_byte_in_the_payload(decoder: RecordDecoder) -> None:
    record = event(occurred_at="2026-01-31t12:00:00z", received_at="2026-01-31t12:00:05.123456z")
    (row,) = rows_of(decoder.decode([record], first_position=1))
    assert row == {"event_id": "evt_1", "received_at": RECEIVED, "payload": record.decode()}


moments = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.isoformat()) | st.from_regex(
    r"(0000|0001|1969|2026|3000|9999)-(01|02|12)-(01|30|31)[Tt](00|23|24):59:(59|60)(\.\d{1,7})?(Z|z|[+-]\d\d:\d\d)",
    fullmatch=True,
)


@st.composite
def nearly_alike(draw: st.DrawFn) -> list[str]:
    """Return moments of one spelling, one of which has another character somewhere."""
    spelling = draw(st.sampled_from(["2026-01-31T12:00:05.123456Z", "1969-12-31t23:59:59z", "2026-02-28T00:00:00.5Z"]))
    at, other = draw(st.integers(0, len(spelling) - 1)), draw(st.sampled_from("0359 -+:.TtZz\u0661\u2028"))
    return draw(st.permutations([spelling, spelling, spelling[:at] + other + spelling[at + 1 :]]))


@pytest.mark.parametrize("field", ["received_at", "occurred_at"])
@given(texts=st.lists(moments, min_size=1, max_size=5) | nearly_alike())
def test_a_moment_means_the_same_alone_and_among_others(decoder: RecordDecoder, field: str, texts: list[str]) -> None:
    """In a page it is read as a column, by another library."""
    records = [event(**{field: text}) for text in texts]
    together = decoder.decode(records, first_position=1)
    broken = decoder.decode([*records, b"[]"], first_position=1)  # which is read one by one
    assert rows_of(together) == rows_of(broken)
    assert together.refused == broken.refused[:-1]


BROKEN: dict[str, tuple[bytes, str, bool]] = {
    "not an object": (b"5", "Expected `object`, got `int`", False),
    "a list": (b"[]", "Expected `object`, got `array`", False),
    "null": (b"null", "Expected `object`, got `null`", False),
    "text": (b'"evt_1"', "Expected `object`, got `str`", False),
    "empty": (b"", "truncated", False),
    "cut off": (event()[:-5], "truncated", False),
    "not JSON": (b"<html>", "malformed", False),
    "two documents": (event() + event(), "malformed", False),
    "field missing": (event(recipient=...), "missing required field `recipient`", True),
    "key missing": (event(event_id=...), "missing required field `event_id`", False),
    "key null": (event(event_id=None), r"Expected `str`, got `null` - at `\$.event_id`", False),
    "key of another type": (event(event_id=7), r"Expected `str`, got `int` - at `\$.event_id`", True),
    "unknown type": (event(type="sneezed"), r"Invalid enum value 'sneezed' - at `\$.type`", True),
    "field of another type": (event(link="url"), r"Expected `object \| null`, got `str` - at `\$.link`", True),
    "no zone": (event(received_at="2026-01-31T12:00:05"), r"\$.received_at", True),
    "seven digits": (event(received_at="2026-01-31T12:00:05.1234567Z"), r"\$.received_at", True),
    "no such day": (event(received_at="2026-02-30T12:00:05Z"), "day is out of range", True),
    "leap second": (event(received_at="2026-12-31T23:59:60Z"), "second must be in 0..59", True),
    "24 o'clock": (event(received_at="2026-01-31T24:00:00Z"), "hour must be in 0..23", True),
    "no such zone": (event(received_at="2026-01-31T12:00:05+25:00"), "offset", True),
    "line break": (event(received_at="2026-01-31T12:00:05Z\n"), "RFC 3339", True),
    "before the year 1": (event(received_at="0001-01-01T00:00:00+14:00"), "out of range", True),
    "after the year 9999": (event(received_at="9999-12-31T23:59:59-12:00"), "out of range", True),
    "other digits": (event(received_at="2026-01-31T12:00:0\uff15Z"), r"\$.received_at", True),
    "occurred_at in seven digits": (event(occurred_at="2026-01-31T12:00:05.1234567Z"), r"\$.occurred_at", True),
    "occurred_at with a blank": (event(occurred_at="2026-01-31 12:00:05Z"), r"\$.occurred_at", True),
    "occurred_at in a leap second": (event(occurred_at="2016-12-31T23:59:60Z"), r"\$.occurred_at", True),
    "occurred_at in the year 0": (
        event(occurred_at="0001-01-01T00:00:00+14:00"),
        r"out of range.*\$.occurred_at",
        True,
    ),
    "occurred_at in the year 10000": (
        event(occurred_at="9999-12-31T23:59:59-14:00"),
        r"out of range.*\$.occurred_at",
        True,
    ),
    "a field twice": (event().replace(b"{", b'{"type":"opened",', 1), r"more than once.*\$.type", True),
    "a field twice, once escaped": (event().replace(b"{", rb'{"t\u0079pe":"opened",', 1), r"more than once", True),
    "a nested field twice": (
        event(link={"url": "a"}).replace(b'"url"', b'"url":"b","url"'),
        r"more than once.*\$.link.url",
        True,
    ),
    "a code with a fraction": (event(bounce={"code": 550.5}), r"\$.bounce.code", True),
    "a code beyond 32 bits": (event(bounce={"code": 2**31}), r"\$.bounce.code", True),
    "an object for a text": (event(link={"url": {"a": 1}}), r"\$.link.url", True),
    "bad occurred_at": (event(occurred_at="yesterday"), r"\$.occurred_at", True),
    "not UTF-8 in the key": (event().replace(b"evt_1", b"evt_\xff"), "not UTF-8", False),
    "not UTF-8 in a field of nobody's": (event(note="x").replace(b'"x"', b'"\xff"'), "not UTF-8", True),
    "half a surrogate in a field of nobody's": (event()[:-1] + rb',"x":"\ud83d"}', "truncated|malformed|hex", True),
    "half a surrogate in the key": (event().replace(b"evt_1", rb"evt_\ud800"), "surrogate|truncated|malformed", False),
    "too deep": (event()[:-1] + b',"x":' + b"[" * 5000 + b"]" * 5000 + b"}", "nested too deeply", True),
    "a level too deep": (event()[:-1] + b',"x":' + b"[" * 500 + b"]" * 500 + b"}", "more than 500 levels", True),
    "too deep to be one": (b"[" * 5000 + b"]" * 5000, "nested too deeply|Expected `object`", False),
}


@pytest.mark.parametrize(("record", "reason", "has_key"), [pytest.param(*case, id=n) for n, case in BROKEN.items()])
def test_a_broken_record_is_refused_with_reason_position_and_key(
    record: bytes, reason: str, has_key: bool, decoder: RecordDecoder
) -> None:
    decoded = decoder.decode([event(), record, event()], first_position=40)
    assert decoded.rows.num_rows == 2
    (refused,) = decoded.refused
    assert refused.position == 41
    assert refused.record == record
    assert (refused.key is not None) is has_key
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(refused.reason)


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_any_bytes_are_landed_or_refused(decoder: RecordDecoder, record: bytes) -> None:
    decoded = decoder.decode([record], first_position=1)
    assert decoded.rows.num_rows + len(decoded.refused) == 1


def test_the_key_of_a_refused_record_is_shown_for_finding_it_again(decoder: RecordDecoder) -> None:
    (refused,) = decoder.decode([event(type="sneezed")], first_position=1).refused
    assert refused.key == '{"event_id":"evt_1"}'


def test_the_deepest_record_is_landed_and_brackets_in_its_texts_do_not_count(decoder: RecordDecoder) -> None:
    deep = event()[:-1] + b',"x":' + b"[" * 499 + b'"' + b"[{" * 600 + b'"' + b"]" * 499 + b"}"
    assert decoder.decode([deep, deep], first_position=1).rows.num_rows == 2


def test_no_records_are_an_empty_batch_of_the_right_shape(decoder: RecordDecoder) -> None:
    decoded = decoder.decode([], first_position=1)
    assert decoded.rows.num_rows == 0
    assert decoded.rows.schema.names == ["event_id", "received_at", "payload"]


def saas_document(*fields: dict[str, Any]) -> dict[str, Any]:
    document = good_document()
    document["schema"][0]["properties"] = [
        {"name": "id", "physicalType": "text", "required": True, "primaryKey": True},
        {"name": "updated_at", "physicalType": "timestamptz", "required": True},
        {"name": "payload", "physicalType": "json", "logicalType": "object", "required": True, "properties": fields},
    ]
    set_custom(document, "source", "saas")
    return document


ENVELOPE = [
    {"name": "id", "logicalType": "string", "required": True},
    {"name": "updated_at", "logicalType": "timestamp", "required": True},
]


@pytest.mark.parametrize("name", ["user-agent", "from", "class", "1st", "größe", "with space", "__proto__", "$ref"])
def test_a_field_may_be_called_anything(name: str) -> None:
    contract = parsed(saas_document(*ENVELOPE, {"name": name, "logicalType": "integer", "required": True}))
    good = {"id": "1", "updated_at": "2026-01-31T12:00:00Z"}
    decoded = RecordDecoder(contract).decode(
        [json.dumps(good | {name: 1}, ensure_ascii=False).encode(), json.dumps(good).encode()], first_position=1
    )
    assert decoded.rows.num_rows == 1
    assert [refused.position for refused in decoded.refused] == [2]
    assert f"`{name}`" in decoded.refused[0].reason


def test_an_envelope_column_that_the_record_does_not_show_is_refused() -> None:
    with pytest.raises(ContractError, match="column 'updated_at' is not among the fields of 'payload'"):
        RecordDecoder(parsed(saas_document(ENVELOPE[0])))


def test_a_field_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ContractError, match="field's name"):
        RecordDecoder(parsed(saas_document(*ENVELOPE, {"name": 'quo"te', "logicalType": "string"})))


def test_an_unknown_logical_type_is_refused() -> None:
    document = saas_document(*ENVELOPE, {"name": "amount", "logicalType": "money", "required": False})
    with pytest.raises(ContractError, match=r"'amount'.*logicalType 'money'"):
        RecordDecoder(parsed(document))


# The pass over all keys


def test_keys_are_sorted_and_each_is_there_once_with_its_latest_cursor(contract: StreamContract) -> None:
    records = [
        event(event_id="b", received_at="2026-01-01T00:00:00Z"),
        event(event_id="a", received_at="2026-01-03T00:00:00Z"),
        event(event_id="b", received_at="2026-01-02T00:00:00Z"),
    ]
    assert KeyDecoder(contract).table(records).to_pylist() == [
        {"event_id": "a", "received_at": datetime(2026, 1, 3, tzinfo=UTC)},
        {"event_id": "b", "received_at": datetime(2026, 1, 2, tzinfo=UTC)},
    ]


def test_a_record_that_breaks_the_contract_elsewhere_keeps_its_key(contract: StreamContract) -> None:
    """Otherwise a record in quarantine would look deleted."""
    assert KeyDecoder(contract).table([event(type="sneezed", recipient=...)]).num_rows == 1


@pytest.mark.parametrize("broken", [rb'"note":"\ud83d"', b'"x":' + b"[" * 5000 + b"]" * 5000, b'"n":NaN', b'"n":"\n"'])
def test_a_record_that_is_no_json_elsewhere_keeps_its_key(broken: bytes, contract: StreamContract) -> None:
    (row,) = KeyDecoder(contract).table([event()[:-1] + b"," + broken + b"}"]).to_pylist()
    assert row == {"event_id": "evt_1", "received_at": RECEIVED}


@pytest.mark.parametrize(
    "record",
    [
        event(event_id=...),
        event(event_id=None),
        event(received_at="soon"),
        event(received_at="0001-01-01T00:00:00+14:00"),
        b"5",
        b"[" * 5000 + b"]" * 5000,
    ],
)
def test_a_record_without_a_readable_key_stops_the_pass(record: bytes, contract: StreamContract) -> None:
    with pytest.raises(DataError, match="cannot be distinguished from a deleted one"):
        KeyDecoder(contract).table([event(), record])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"data": 5, "next_cursor": null, "has_more": false}', r"is not \{data, next_cursor, has_more\}"),
        (b'{"items": []}', r"is not \{data, next_cursor, has_more\}"),
        (b"[]", r"is not \{data, next_cursor, has_more\}"),
        (b'{"data": [], "next_cursor": null, "has_more": true}', "more pages and gives no cursor"),
    ],
)
def test_a_page_of_another_shape_is_a_data_error(body: bytes, said: str, contract: StreamContract) -> None:
    with pytest.raises(DataError, match=said) as caught:
        list(pages(contract, body))
    assert caught.value.stream == "email_events"

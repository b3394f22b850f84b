"""Records of the provider, member by member, in all spellings of JSON and RFC 3339, and in some invalid ones."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from random import Random

from ingest.contracts.model import RecordField, StreamContract
from ingest.contracts.types import Kind

_ODD_TEXTS = (
    "", " ", "\0", "a\0b", "\ufeff", "null", "true", "{}", "'", '"', "\\", "\n", "\u0130", "Stra\u00dfe", "\U0001f980",
    " A@Mail.Example ", "$$", "{{ x }}", "%s", "\u2028", "x" * 3_000, "\u202e", "1e3", "NaN", "type",
)  # fmt: skip
_ODD_JSON = (
    "null", "true", '"x"', "0", "-0", "-0.0", "1e400", "-1e-400", "1.10", "9" * 60, "0." + "1" * 60, "[]", "{}",
    "[[[]]]", '{"a":1,"a":2}', '{"url":1}', '"\\u0000"', '"\\ud83d\\ude00"', '"type"', "[" * 90 + "]" * 90,
)  # fmt: skip
_NO_JSON = ('"\\ud83d"', "NaN", "[1,]", "007", '"a\\qb"', "1.", "")
_ODD_NUMBERS = ("550", "550.0", "-0", "1e3", "1e400", "5.5", "2147483647", "2147483648", "9" * 30, '"550"')
_ODD_TIMES = (
    "2016-12-31T23:59:60Z", "2026-01-31T24:00:00Z", "2026-W05-6T12:00:00Z", "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00", "2026-01-31 12:00:00Z", "2026-01-31T12:00:00",
    "2026-01-31T12:00:00,5Z", "2026-01-31T12:00Z", "2026-01-31T12:00:00+0530", "2026-01-31T12:00:00+05",
    "2026-02-30T12:00:00Z", "2026-01-31T12:00:00.1234567Z", "2026-01-31T12:00:00.Z", "2026-01-31T12:00:00Z ",
    "2026-01-31T12:00:0\uff15Z", "1769860800", "", "2026-01-31t12:00:00.5z",
)  # fmt: skip
_ODD_DECIMALS = (
    "12.345", "12.3400", "1e3", "1e-3", " 12", "12.", ".5", "+5", "-0", "-0.00", "00012.50", "1_000", "0x10", "12,5",
    "NaN", "", "999999999999.99", "1000000000000.00", "1234567890123", "\u0661\u0662", "0.1", "-123456789012.1",
    "12.3\n", "0" * 40 + "1",
)  # fmt: skip
_OTHER_NAMES = ("note", "Type", "", "a.b", '"', "payload", "OCCURRED_AT")
_FIRST, _SPAN = datetime(1, 1, 1, tzinfo=UTC), int(timedelta(days=3_652_058).total_seconds())


def record(contract: StreamContract, rng: Random) -> bytes:
    """Return a record of the stream. More than half of them keep its contract."""
    return _object(contract.record_fields, rng).encode("utf-8")


def _object(fields: Sequence[RecordField], rng: Random) -> str:
    """Return an object of these fields in any order, with others among them, and at times with one missing or given
    twice.
    """
    shown = [field for field in fields if field.required or rng.random() < 0.5]
    if shown and _one_in(100, rng):
        shown.remove(rng.choice(shown))
    if shown and _one_in(30, rng):
        shown.append(rng.choice(shown))
    members = [(field.name, _value(field, rng)) for field in shown]
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        members.append((rng.choice(_OTHER_NAMES), rng.choice(_NO_JSON if _one_in(40, rng) else _ODD_JSON)))
    rng.shuffle(members)
    blank = rng.choice(("", "", " ", "\t", "\r\n "))
    parts = [f"{blank}{_spelt(name, rng)}{blank}:{blank}{value}" for name, value in members]
    return "{" + ",".join(parts) + blank + "}"


def _value(field: RecordField, rng: Random) -> str:
    """Return a field's value as JSON: mostly an allowed one, now and then another."""
    if _one_in(200, rng):
        return rng.choice((*_ODD_JSON, *_NO_JSON))
    if not field.required and _one_in(6, rng):
        return "null"
    if field.fields:
        return _object(field.fields, rng)
    if field.logical_type == "integer":
        return rng.choice(_ODD_NUMBERS) if _one_in(6, rng) else str(rng.randint(-(2**31), 2**31 - 1))
    if field.logical_type == "array":
        return "[" + ",".join(_spelt(odd_text(rng), rng) for _ in range(rng.randrange(4))) + "]"
    return _spelt(_content(field, rng), rng)


def _content(field: RecordField, rng: Random) -> str:
    """Return a value of a field that is text in JSON."""
    if field.enum:
        return field.enum[0].upper() if _one_in(100, rng) else rng.choice(field.enum)
    if field.logical_type == "timestamp":
        return rng.choice(_ODD_TIMES) if _one_in(40, rng) else _moment(rng)
    if field.landing is not None and field.landing.kind is Kind.DECIMAL:
        odd = rng.choice(_ODD_DECIMALS)
        return odd if _one_in(4, rng) else f"{rng.choice(('', '-'))}{rng.randrange(10**12)}.{rng.randrange(100):02}"
    return odd_text(rng)


def _moment(rng: Random) -> str:
    """Return a moment as RFC 3339 lets it be written, near and far, east and west."""
    minutes = rng.choice((0, 0, 330, 840, -840, rng.randint(-1439, 1439)))
    moment = _FIRST + timedelta(seconds=rng.randrange(_SPAN), microseconds=rng.choice((0, 1, 500_000, 120_000)))
    text = moment.replace(tzinfo=timezone(timedelta(minutes=minutes))).isoformat()
    text = re.sub(r"(\.\d*?)0+(?=[+-])", r"\1", text) if rng.random() < 0.5 else text
    if not minutes:
        text = text.replace("+00:00", rng.choice(("Z", "z", "-00:00", "+00:00")))
    return text.replace("T", rng.choice("TTt"))


def odd_text(rng: Random) -> str:
    """Any text without half a surrogate pair, the odd ones often."""
    if _one_in(3, rng):
        return rng.choice(_ODD_TEXTS)
    ranges = rng.choices(((32, 127), (0, 32), (160, 0xD800), (0xE000, 0x110000)), (8, 1, 2, 1), k=rng.randint(1, 12))
    return "".join(chr(rng.randrange(*each)) for each in ranges)


def _spelt(text: str, rng: Random) -> str:
    """Return a text as JSON, each character plain or escaped."""
    if _one_in(8, rng):
        units = text.encode("utf-16-be")
        return '"' + "".join(f"\\u{units[at]:02x}{units[at + 1]:02X}" for at in range(0, len(units), 2)) + '"'
    return json.dumps(text, ensure_ascii=rng.random() < 0.3)


def _one_in(count: int, rng: Random) -> bool:
    return rng.randrange(count) == 0

"""Records landed through the border, and their rows in a warehouse's staging."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

from ingest.contracts.model import StreamContract
from ingest.sources.api.records import RecordDecoder
from tests.border.reading import READINGS, Value
from tests.border.records import record

Query = Callable[[str], Sequence[Sequence[Any]]]

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Border:
    """The result of the border for the records drawn for a stream: rows, and reasons of refusal."""

    contract: StreamContract
    rows: list[dict[str, Any]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    _keys: set[str] = field(default_factory=set)

    @classmethod
    def drawn(cls, contract: StreamContract, rng: Random, count: int) -> Border:
        """Draw `count` records. Each is decoded alone, and the accepted ones once more together."""
        border, decoder = cls(contract), RecordDecoder(contract)
        for _ in range(count):
            decoded = decoder.decode([record(contract, rng)], first_position=1)
            border._take(decoded.rows.to_pylist(), [refused.reason for refused in decoded.refused])
        page = decoder.decode([row["payload"].encode() for row in border.rows], first_position=1)
        assert page.refused == []
        assert page.rows.to_pylist() == border.rows, "a page reads a record otherwise than one alone"
        assert border.rows, "nothing was let in"
        assert border.reasons, "nothing was refused"
        return border

    def _take(self, rows: Sequence[dict[str, Any]], reasons: Sequence[str]) -> None:
        self.reasons += reasons
        for row in rows:
            key = row[self.contract.key[0]]
            if key not in self._keys:
                self._keys.add(key)
                self.rows.append(row)

    def expected(self) -> dict[str, dict[str, Value]]:
        """Return the rows that staging must show, by key: the record's values, and the envelope's, as Python reads
        them.
        """
        return {row[self.contract.key[0]]: READINGS[self.contract.stream](row["payload"]) for row in self.rows}


def staged(query: Query, border: Border, schema: str = "STAGING") -> dict[str, dict[str, Value]]:
    """Return the rows of the stream's staging view by key: the columns that come from the record."""
    key = border.contract.key[0]
    names = list(next(iter(border.expected().values())))
    rows = query(f"select {', '.join(names)} from {schema}.stg_{border.contract.stream}")
    shown = [dict(zip(names, map(_plain, row), strict=True)) for row in rows]
    for row in shown:
        if "promoted_skus" in row:
            row["promoted_skus"] = json.loads(str(row["promoted_skus"]))
    assert len({row[key] for row in shown}) == len(shown)
    return {str(row[key]): row for row in shown}


def differences(expected: Mapping[str, Mapping[str, Value]], shown: Mapping[str, Mapping[str, Value]]) -> list[str]:
    """Return the values that differ in staging, in words. A number is the same whatever its trailing zeros."""
    missing = [f"{key[:80]!r} is in one alone" for key in sorted(expected.keys() ^ shown.keys())]
    return missing + [
        f"{key[:80]!r}: {name} is {row[name]!r}, staging shows {shown[key][name]!r}"
        for key, row in expected.items()
        if key in shown
        for name in row
        if row[name] != shown[key][name]
    ]


def _plain(value: Any) -> Any:
    """Convert a value: Snowflake returns integers as decimals."""
    return int(value) if isinstance(value, Decimal) and value.as_tuple().exponent == 0 else value

"""Rows in the judge's form: equal values have the same text, whichever driver has read them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

Key = tuple[str, ...]
Digests = Mapping[Key, str]
_SHOWN = 5


@dataclass(frozen=True)
class Row:
    """One landed version of a row: `values` are canonical texts by column of the contract."""

    version: int
    number: int
    values: Mapping[str, str]

    def key(self, names: Sequence[str]) -> Key:
        """Return the key's columns, in order."""
        return tuple(self.values[name] for name in names)


def canonical(value: object) -> str:
    """Return a text that two equal values share. A naive timestamp is in UTC, as staging has them."""
    match value:
        case None:
            return "\0null"
        case bool():
            return "true" if value else "false"
        case Decimal():
            text = format(value, "f")
            text = text.rstrip("0").rstrip(".") if "." in text else text
            return "0" if text == "-0" else text
        case float():
            return repr(value)
        case datetime():
            utc = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
            return utc.isoformat(" ", "microseconds")
        case date():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case _:
            return str(value)


def digest(values: Iterable[str]) -> str:
    """Return a hash of a row's content; lengths are part of it, so no two rows run into each other."""
    hasher = hashlib.blake2b(digest_size=16)
    for value in values:
        encoded = value.encode()
        hasher.update(b"%d:" % len(encoded))
        hasher.update(encoded)
    return hasher.hexdigest()


@dataclass(frozen=True)
class Difference:
    """The differences between `expected` and `found`, by key."""

    lost: tuple[Key, ...]
    strange: tuple[Key, ...]
    altered: tuple[Key, ...]

    @classmethod
    def between(cls, expected: Digests, found: Digests) -> Difference:
        """Return keys only in `expected`, keys only in `found`, and keys whose content differs."""
        return cls(
            lost=tuple(sorted(expected.keys() - found.keys())),
            strange=tuple(sorted(found.keys() - expected.keys())),
            altered=tuple(sorted(key for key in expected.keys() & found.keys() if expected[key] != found[key])),
        )

    def findings(self, where: str) -> list[str]:
        """Return the differences in words; empty if all is equal."""
        named = (("lost", self.lost), ("not at the source", self.strange), ("altered", self.altered))
        return [f"{where}: {len(keys)} {what}: {shown(keys)}" for what, keys in named if keys]


def doubled(keys: Iterable[Key], allowed: Mapping[Key, int] | None = None) -> list[Key]:
    """Return keys that occur more often than `allowed` (once by default)."""
    allowed = allowed or {}
    return sorted(key for key, count in Counter(keys).items() if count > max(1, allowed.get(key, 1)))


def shown(keys: Sequence[Key]) -> str:
    """Return the first few keys as text."""
    listed = ", ".join("/".join(key) for key in keys[:_SHOWN])
    return f"{listed}, ..." if len(keys) > _SHOWN else listed


Tombstone = tuple[int, Key]
"""The version of the log that found a key to be gone, and the key."""


def current(rows: Iterable[Row], key: Sequence[str], tombstones: Iterable[Tombstone]) -> dict[Key, Row]:
    """Return the last version of each key, except keys with a tombstone of a later version."""
    latest: dict[Key, Row] = {}
    for row in sorted(rows, key=lambda item: (item.version, item.number)):
        latest[row.key(key)] = row
    gone: dict[Key, int] = {}
    for version, own in tombstones:
        gone[own] = max(version, gone.get(own, 0))
    return {own: row for own, row in latest.items() if row.version > gone.get(own, 0)}

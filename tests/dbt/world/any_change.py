"""Changes that nobody named: any row of any stream changes any of its columns, goes, is back, or comes late.

A changed column gets what another row of the stream has there: so an order goes to another customer, an event to
another message, a customer's address to another customer. What names a row may name one that has not landed, and may
land later. Times move by some days besides. What may be missing goes missing, and comes back. The border would let each
row through: its key is as it was, required columns have values, and a record's cursor is that of its column.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from random import Random
from typing import Any, TypeVar

from ingest.contracts.model import StreamContract
from tests.dbt.running.raw_database import RawDatabase

Row = dict[str, Any]
Key = tuple[Any, ...]
Moment = TypeVar("Moment", date, datetime)

CHANGED, CHANGED_TWICE, NEW, GONE = 0.08, 0.02, 0.02, 0.04
"""Shares of the rows that are there, in one landing."""
BACK = 0.5
"""The share of those that have gone."""
LACKING, NAMES_ANOTHER = 0.3, 0.15
"""How likely an optional value goes missing, and a reference names a row that has not landed."""
DAYS = (0, 0, 1, -1, 5, -30)
"""By how many days times move."""
NOT_LANDED = range(9_001, 9_005)
"""Numbers of rows that others may name before they land."""


@dataclass(frozen=True)
class Stream:
    """A stream's newest rows, by key, as its source has them: of an API the fields of its records."""

    contract: StreamContract
    rows: dict[Key, Row]
    present: list[Key]

    @classmethod
    def of(cls, raw: RawDatabase, name: str) -> Stream:
        """What has landed of it."""
        contract = raw.contracts[name]
        newest = {tuple(row[part] for part in contract.key): row for row in raw.rows(name)}
        if contract.record_fields:
            newest = {key: json.loads(row["payload"]) for key, row in newest.items()}
        return cls(contract, newest, sorted(raw.present(name) if contract.lands_keys else newest))

    @cached_property
    def keys(self) -> list[Key]:
        """The keys of all rows that ever landed."""
        return sorted(self.rows)

    @cached_property
    def columns(self) -> dict[str, bool]:
        """What may change, and whether it may be missing."""
        described = self.contract.record_fields or self.contract.columns
        return {item.name: not item.required for item in described if item.name not in self.contract.key}

    def landed(self, row: Row) -> Row:
        """The row of RAW."""
        if not self.contract.record_fields:
            return row
        record = {name: value for name, value in row.items() if value is not None}
        [key], cursor = self.contract.key, str(self.contract.spec.cursor)
        return {key: record[key], cursor: datetime.fromisoformat(record[cursor]), "payload": json.dumps(record)}


@dataclass
class AnyChange:
    """What happens to the rows in RAW. `told` says what the last landing brought, a line each."""

    raw: RawDatabase
    rng: Random
    told: list[str] = field(default_factory=list)

    def land(self, streams: Collection[str], at: datetime, columns: Collection[str] = ()) -> None:
        """Land changes of the streams, of these columns or of any: several versions of a row in one landing, too."""
        self.told.clear()
        for name in sorted(streams):
            stream = Stream.of(self.raw, name)
            changed = [self._changed(stream, key, columns) for key in self._some(stream.present, CHANGED)]
            changed += [self._new(stream) for _ in range(_number(stream.present, NEW))]
            self.rng.shuffle(changed)
            again = [self._changed(stream, key, columns) for key in self._some(stream.present, CHANGED_TWICE)]
            if stream.contract.spec.cursor is None:
                self._land_whole(stream, [*changed, *again], at)
                continue
            self.raw.land(name, [stream.landed(row) for row in changed], at)
            self.raw.land(name, [stream.landed(row) for row in again], at)
            if stream.contract.lands_keys:
                self._land_keys(stream, at)

    def _land_whole(self, stream: Stream, changed: Sequence[Row], at: datetime) -> None:
        rows = stream.rows | {tuple(row[part] for part in stream.contract.key): row for row in changed}
        gone = self._some(sorted(rows), GONE)
        self.told.append(f"{stream.contract.stream}: gone {gone}")
        present = [stream.landed(row) for key, row in rows.items() if key not in gone]
        self.raw.land(stream.contract.stream, present, at, kind="snapshot")

    def _land_keys(self, stream: Stream, at: datetime) -> None:
        present = sorted(self.raw.present(stream.contract.stream))
        away = [key for key in stream.keys if key not in present]
        gone, back = self._some(present, GONE), self._some(away, BACK)
        self.told.append(f"{stream.contract.stream}: gone {gone}, back {back}")
        keys = [key for key in (*present, *back) if key not in gone]
        self.raw.land_keys(
            stream.contract.stream, [dict(zip(stream.contract.key, key, strict=True)) for key in keys], at
        )

    def _changed(self, stream: Stream, key: Key, columns: Collection[str]) -> Row:
        wanted = [name for name in stream.columns if not columns or name in columns]
        names = self.rng.sample(wanted, min(len(wanted), self.rng.choice((1, 1, 2, 3))))
        values = {name: self._value(stream, name) for name in names}
        self.told.append(f"{stream.contract.stream} {key}: {values}")
        return stream.rows[key] | values

    def _new(self, stream: Stream) -> Row:
        """A row like another one, of a key that others may have named."""
        row = dict(stream.rows[self.rng.choice(stream.keys)])
        row |= {name: self._not_landed(row[name]) for name in stream.contract.key}
        self.told.append(f"{stream.contract.stream}: lands {row}")
        return row

    def _value(self, stream: Stream, name: str) -> Any:
        if stream.columns[name] and self.rng.random() < LACKING:
            return None
        value = stream.rows[self.rng.choice(stream.keys)].get(name)
        if value is not None and name.endswith("_id") and self.rng.random() < NAMES_ANOTHER:
            return self._not_landed(value)
        if name.endswith("_at") and isinstance(value, str):
            return _text(self._moved(datetime.fromisoformat(value)))
        return self._moved(value) if isinstance(value, date) else value

    def _moved(self, value: Moment) -> Moment:
        return value + timedelta(days=self.rng.choice(DAYS))

    def _not_landed(self, like: Any) -> Any:
        number = self.rng.choice(NOT_LANDED)
        return f"not_landed_{number}" if isinstance(like, str) else number

    def _some(self, keys: Sequence[Key], share: float) -> list[Key]:
        return self.rng.sample(keys, min(len(keys), _number(keys, share)))


def _number(rows: Sequence[Any], share: float) -> int:
    return max(1, round(share * len(rows)))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

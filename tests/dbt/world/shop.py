"""A small shop and its e-mail provider, whose rows land in RAW as ingest would land them.

Every change is a transaction at one instant of the database's clock. `land` takes the rows whose cursor is below a
horizon, and the keys as they are now: what changed at or after the horizon lands with the next run, in its state then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Protocol

from ingest.contracts.model import StreamContract

Record = dict[str, Any]
Key = tuple[Any, ...]

START = datetime(2026, 3, 1, tzinfo=UTC)
NEVER = datetime.min.replace(tzinfo=UTC)


class LandingZone(Protocol):
    """A place where rows land: RAW itself, or a lake."""

    @property
    def contracts(self) -> Mapping[str, StreamContract]: ...

    def land(self, stream: str, rows: Sequence[Mapping[str, Any]], at: datetime, *, kind: str = "data") -> int: ...

    def land_keys(self, stream: str, keys: Sequence[Mapping[str, Any]], at: datetime) -> int: ...


@dataclass
class Shop:
    """The sources' rows as they are now, by stream and key."""

    rng: Random
    now: datetime = START
    tables: dict[str, dict[Key, Record]] = field(default_factory=dict)
    last_ids: dict[str, int] = field(default_factory=dict)
    deliveries: list[Record] = field(default_factory=list)
    """E-mail events as the provider lists them: an event may be there more than once."""
    round: int = 0
    """Runs of ingest so far."""
    graveyard: list[Record] = field(default_factory=list)
    """Order lines that were taken out of their orders."""
    withdrawn: list[Record] = field(default_factory=list)
    """Products that had landed and were deleted."""
    left_addresses: set[str] = field(default_factory=set)
    """Addresses that a customer once had."""
    priced_in: dict[int, int] = field(default_factory=dict)
    """The round in which a product last got a price."""
    watermarks: dict[str, datetime] = field(default_factory=dict)

    def rows(self, stream: str) -> dict[Key, Record]:
        """Return the rows of a table or of the campaigns."""
        return self.tables.setdefault(stream, {})

    def next_id(self, stream: str) -> int:
        """Return a number that no row of the table ever had."""
        self.last_ids[stream] = self.last_ids.get(stream, 0) + 1
        return self.last_ids[stream]

    def tick(self, seconds: float = 60) -> datetime:
        """Return the next transaction's instant."""
        self.now += timedelta(seconds=seconds)
        return self.now

    def put(self, stream: str, key: Key, record: Mapping[str, Any]) -> Record:
        """Insert or change a row. Its times are the transaction's."""
        created = self.rows(stream).get(key, {}).get("created_at", self.now)
        row = dict(record) | {"created_at": created, "updated_at": self.now}
        self.rows(stream)[key] = row
        return row

    def change(self, stream: str, key: Key, **values: Any) -> None:
        """Change some columns of a row."""
        self.put(stream, key, self.rows(stream)[key] | values)

    def move(self, pair: Key, quantity: int, reason: str, order_id: int | None, moved_at: datetime) -> None:
        """Record a movement and change the level with it."""
        number = self.next_id("stock_movements")
        warehouse_id, product_id = pair
        movement = {"warehouse_id": warehouse_id, "product_id": product_id, "quantity": quantity, "reason": reason}
        self.put(
            "stock_movements",
            (number,),
            movement | {"movement_id": number, "order_id": order_id, "moved_at": moved_at},
        )
        self.change("stock_levels", pair, on_hand=self.rows("stock_levels")[pair]["on_hand"] + quantity)

    def draw(self, stream: str, wanted: Callable[[Record], bool] = lambda _: True) -> Key | None:
        """Return the key of a random row, or None if there is none of that kind."""
        keys = sorted(key for key, row in self.rows(stream).items() if wanted(row))
        return self.rng.choice(keys) if keys else None

    def land(self, raw: LandingZone, *, streams: Collection[str] = (), in_flight: timedelta = timedelta(0)) -> None:
        """Do a run of ingest for some streams, or all. Changes within `in_flight` of now wait for the next run."""
        horizon = self.tick() - in_flight
        for stream in streams or raw.contracts:
            contract = raw.contracts[stream]
            if contract.spec.cursor is None:
                raw.land(stream, list(self.rows(stream).values()), self.now, kind="snapshot")
            else:
                self._land_window(raw, contract, contract.spec.cursor, horizon)
        self.round += 1

    def _land_window(self, raw: LandingZone, contract: StreamContract, cursor: str, horizon: datetime) -> None:
        stream = contract.stream
        rows = self.deliveries if stream == "email_events" else list(self.rows(stream).values())
        new = [row for row in rows if self.watermark(stream) <= row[cursor] < horizon]
        if new:
            raw.land(stream, sorted(new, key=lambda row: row[cursor]), self.now)
        if contract.lands_keys:
            raw.land_keys(stream, list(self.rows(stream).values()), self.now)
        self.watermarks[stream] = max(self.watermark(stream), horizon)

    def watermark(self, stream: str) -> datetime:
        """Return the cursor up to which a stream has landed."""
        return self.watermarks.get(stream, NEVER)

    def backfill(self, raw: LandingZone, stream: str, count: int) -> None:
        """Land again some rows that are below the watermark."""
        rows = [row for row in self.rows(stream).values() if row["updated_at"] < self.watermark(stream)]
        raw.land(stream, self.rng.sample(rows, min(count, len(rows))), self.now, kind="backfill")

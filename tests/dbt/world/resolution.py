"""The holder of an address at any time, and the click of an order, recomputed from RAW in Python, step by step.

The marts do it in SQL, by windows over periods; here claims come and go one after the other.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from tests.dbt.running.raw_database import RawDatabase
from tests.dbt.world.expected import email_hash

BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
WINDOW = timedelta(days=7)


@dataclass(frozen=True, order=True)
class Claim:
    """A customer's claim to an address from `since` until `until`.

    `is_first` marks the customer's first known version.
    """

    since: datetime
    customer_id: int
    until: datetime | None = field(compare=False)
    is_first: bool = field(compare=False)
    is_erased: bool = field(compare=False)


@dataclass(frozen=True)
class Event:
    """An e-mail event as it was last delivered."""

    event_id: str
    message_id: str
    type: str
    address: str
    occurred_at: datetime


@dataclass(frozen=True)
class Holders:
    """The holders of one address over time."""

    claims: tuple[Claim, ...]

    @cached_property
    def turns(self) -> list[tuple[datetime, Claim]]:
        """The times at which the address gets another holder."""
        moments = sorted({claim.since for claim in self.claims} | {c.until for c in self.claims if c.until})
        turns: list[tuple[datetime, Claim]] = []
        for moment in moments:
            present = [claim for claim in sorted(self.claims) if self._has(claim, moment)]
            if present and (not turns or present[0] != turns[-1][1]):
                turns.append((moment, present[0]))
        if turns and turns[0][1].is_first:
            turns[0] = (BEGINNING, turns[0][1])
        return turns

    def at(self, moment: datetime) -> int | None:
        """Return the customer who has the address at a moment."""
        number = bisect_right([since for since, _ in self.turns], moment)
        return self.turns[number - 1][1].customer_id if number else None

    def _has(self, claim: Claim, moment: datetime) -> bool:
        """Return whether a claim is valid. An erased customer's claim ends with the next claim."""
        if not claim.since <= moment or (claim.until and claim.until <= moment):
            return False
        return not (claim.is_erased and any(claim < other and other.since <= moment for other in self.claims))


def last_clicks(raw: RawDatabase) -> dict[int, str]:
    """Return the click that each order is attributed to, by order."""
    clicks: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    people = holders(raw)
    for event in events(raw):
        if event.type == "clicked" and (person := _holder(people, event)) is not None:
            clicks[person].append((event.occurred_at, event.event_id))
    buyers, placed = {}, {}
    for order_id, customer_id, placed_at in raw.query(
        "select order_id, customer_id, placed_at from RAW.orders order by _log_version, _row_number"
    ):
        placed[order_id] = placed_at
        if customer_id is not None:
            buyers[order_id] = customer_id
    present = {order_id for (order_id,) in raw.present("orders")}
    found = {}
    for order_id in buyers.keys() & present:
        end = placed[order_id]
        eligible = [click for click in clicks[buyers[order_id]] if end - WINDOW <= click[0] <= end]
        if eligible:
            found[order_id] = max(eligible)[1]
    return found


def holders_of_events(raw: RawDatabase) -> dict[str, int]:
    """Return the customer of each event's address, including erased ones; events without a customer are left out."""
    people = holders(raw)
    found = {event.event_id: _holder(people, event) for event in events(raw)}
    return {event_id: person for event_id, person in found.items() if person is not None}


def consents_when_sent(raw: RawDatabase) -> dict[str, bool]:
    """Return whether each message's recipient consented when it was sent, or at its first event if no send was
    reported.
    """
    sends: dict[str, Event] = {}
    for event in sorted(events(raw), key=lambda each: (each.type != "sent", each.occurred_at)):
        sends.setdefault(event.message_id, event)
    consents: dict[int, list[tuple[datetime, bool]]] = defaultdict(list)
    for number, consent, updated_at in raw.query(
        "select customer_id, marketing_consent, updated_at from RAW.customers order by _log_version, _row_number"
    ):
        consents[number].append((updated_at if consents[number] else BEGINNING, consent))
    people = holders(raw)
    found = {}
    for message, send in sends.items():
        person = _holder(people, send)
        if person is not None:
            found[message] = [consent for since, consent in consents[person] if since <= send.occurred_at][-1]
    return found


def holders(raw: RawDatabase) -> Mapping[str, Holders]:
    """Return the holders of each address, by its hash."""
    present = {number for (number,) in raw.present("customers")}
    versions: dict[int, list[tuple[str, datetime, datetime]]] = defaultdict(list)
    for number, email, signed_up_at, updated_at in raw.query(
        "select customer_id, email, signed_up_at, updated_at from RAW.customers order by _log_version, _row_number"
    ):
        versions[number].append((email_hash(email), signed_up_at, updated_at))
    claims: dict[str, list[Claim]] = defaultdict(list)
    for number, rows in versions.items():
        for address, claim in _claims(number, rows, is_erased=number not in present):
            claims[address].append(claim)
    return {address: Holders(tuple(found)) for address, found in claims.items()}


def events(raw: RawDatabase) -> list[Event]:
    """Return each event once."""
    found = {}
    for event_id, payload in raw.query(
        "select event_id, payload from RAW.email_events order by _log_version, _row_number"
    ):
        record: Mapping[str, Any] = json.loads(payload)
        moment = datetime.fromisoformat(record["occurred_at"])
        address = email_hash(record["recipient"])
        found[event_id] = Event(event_id, record["message_id"], record["type"], address, moment)
    return list(found.values())


def _claims(number: int, rows: list[tuple[str, datetime, datetime]], *, is_erased: bool) -> Iterable[tuple[str, Claim]]:
    runs: list[tuple[str, datetime]] = []
    for address, signed_up_at, updated_at in rows:
        if not runs or runs[-1][0] != address:
            runs.append((address, updated_at if runs else min(signed_up_at, updated_at)))
    ends = [since for _, since in runs[1:]] + [None]
    for position, ((address, since), until) in enumerate(zip(runs, ends, strict=True)):
        yield address, Claim(since, number, until, is_first=position == 0, is_erased=is_erased)


def _holder(people: Mapping[str, Holders], event: Event) -> int | None:
    return people[event.address].at(event.occurred_at) if event.address in people else None

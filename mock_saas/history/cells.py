"""Generates the records of one time cell without replaying history."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from mock_saas.history.audience import Audience, Departures
from mock_saas.history.campaign_list import CampaignList
from mock_saas.history.campaigns import CampaignLife
from mock_saas.history.lifecycle import MAX_STEPS, PATTERNS, REDELIVERY_LAGS, WEIGHT_TOTAL, total_weight
from mock_saas.history.randomness import (
    MASK_32,
    SPACE_EVENT_ID,
    SPACE_MANNER,
    SPACE_MESSAGE,
    SPACE_SENDS,
    Randomness,
    remix32,
    scale,
)
from mock_saas.history.rhythm import intensity
from mock_saas.history.tracks import Jitter, Shift, Track, plan_clicks, plan_tracks
from mock_saas.timestamps import DAY_US, HOUR_US, MICROSECONDS

RECORDS_PER_CELL = 2_500
"""A cell holds about as many records as a large page, within the smallest and largest cell."""

# Divisors of an hour, in seconds: no cell straddles two hours.
_CELL_SECONDS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600)

# The 32-bit words that decide about a message: its recipient, its other traits, the delay (or place in the cell) of
# each step, and the receive lag of each step.
_WORD_RECIPIENT, _WORD_TRAITS, _WORD_DELAYS = 0, 1, 2
_WORD_LAGS = _WORD_DELAYS + MAX_STEPS
_WORDS = _WORD_LAGS + MAX_STEPS

_CACHED_SENDS = 65_536


class Occurrence(NamedTuple):
    """A record of the feed, not yet rendered. Occurrences sort in the order of the listing.

    ``event`` is a 64-bit identifier, ``message`` a message's address. ``first_us`` is the arrival of the first
    delivery, and equals ``received_us`` unless the delivery is repeated. ``recipient`` is a position in the audience.
    ``sending_hour`` and ``traits`` decide the campaign and other details. ``plain`` records arrive on time and once,
    and are not ``broken``.
    """

    received_us: int
    event: int
    first_us: int
    occurred_us: int
    message: int
    pattern: int
    step: int
    sending_hour: int
    recipient: int
    traits: int
    broken: bool
    plain: bool


@dataclass(frozen=True)
class Sends:
    """The messages sent in a cell: their number, and a 32-bit fraction that rotates their assignment to patterns.

    ``count`` excludes the messages by which the members at the positions ``leavers`` leave the audience, one each.
    """

    count: int
    phase: int
    leavers: range


def cell_seconds(events_per_day: int) -> int:
    """Return the length of a cell."""
    wanted = RECORDS_PER_CELL * DAY_US / MICROSECONDS / events_per_day
    return max((seconds for seconds in _CELL_SECONDS if seconds <= wanted), default=_CELL_SECONDS[0])


def messages_per_day(events_per_day: int) -> float:
    """Return the number of messages a day that make ``events_per_day`` records."""
    events_per_message = sum(pattern.weight * len(pattern.steps) for pattern in PATTERNS) / WEIGHT_TOTAL
    return events_per_day / (events_per_message * (1 + sum(share for share, _ in REDELIVERY_LAGS)))


class CellFactory:
    """Makes cells. They are numbered from the Unix epoch, so that a cell does not depend on where history begins.

    Args:
        events_per_day: average number of records a day.
        broken_rate: share of the records that break the contract.
        epoch_us: no message is sent before.
        audience: the recipients of the messages.
    """

    def __init__(
        self,
        randomness: Randomness,
        campaigns: CampaignList,
        *,
        events_per_day: int,
        broken_rate: float,
        epoch_us: int,
        audience: Audience,
    ) -> None:
        self.cell_us = cell_seconds(events_per_day) * MICROSECONDS
        self._randomness = randomness
        self._campaigns = campaigns
        self._epoch_us = epoch_us
        messages = messages_per_day(events_per_day)
        last = messages * total_weight(PATTERNS, is_last=True) / WEIGHT_TOTAL
        self._messages_per_cell = (messages - last) * self.cell_us / DAY_US
        self._audience = audience
        self._departures = Departures(audience, last, epoch_us)
        self._tracks = plan_tracks(self.cell_us, broken_rate)
        self._clicks = plan_clicks(self.cell_us)
        self._sends = lru_cache(_CACHED_SENDS)(self._plan_sends)

    def occurrences(self, cell: int) -> list[Occurrence]:
        """Return all records received in a cell, in order."""
        return self._found(self._tracks, cell)

    def clicks(self, cell: int) -> list[Occurrence]:
        """Return all clicks that occur in a cell, in order. Each appears once, at its moment."""
        return self._found(self._clicks, cell)

    def _found(self, tracks: tuple[Track, ...], cell: int) -> list[Occurrence]:
        found: list[Occurrence] = []
        for track in tracks:
            first, last = track.reach
            for shifted in range(cell - last, cell - first + 1):
                self._collect(track, shifted, cell, found)
        found.sort()
        return found

    def campaign_of(self, occurrence: Occurrence) -> CampaignLife:
        """Return the campaign of the record's message."""
        sending = self._campaigns.sending_in_hour(occurrence.sending_hour)
        return sending[(occurrence.traits & 0xFFFF) * len(sending) >> 16]

    def _plan_sends(self, cell: int) -> Sends:
        start_us = cell * self.cell_us
        hour = start_us // HOUR_US
        if start_us + self.cell_us <= self._epoch_us or not self._campaigns.sending_in_hour(hour):
            return Sends(0, 0, range(0))
        word = self._randomness.word(SPACE_SENDS, cell)
        mean = self._messages_per_cell * intensity(hour)
        leavers = range(self._departures.before(start_us), self._departures.before(start_us + self.cell_us))
        # Rounded up or down at random, so that the mean is kept even if a cell holds few messages.
        return Sends(int(mean + (word >> 32) / 2**32), word & MASK_32, leavers)

    def _collect(self, track: Track, shifted: int, cell: int, found: list[Occurrence]) -> None:
        """Add the records of a track whose shifts lead from the cell ``shifted`` into ``cell``."""
        held, path = track.held, track.path
        occurred_cell = held.source(shifted) if isinstance(held, Shift) else shifted
        sent_cell = occurred_cell
        for shift in reversed(path.shifts):
            sent_cell = shift.source(sent_cell)
        sends = self._sends(sent_cell)

        # Message i follows the pattern within whose interval (i + phase) / count falls. So each pattern's messages are
        # a contiguous range, and each pattern gets its share to within one.
        leavers, is_last = sends.leavers, track.is_last
        first, beyond = _members(track.weights, len(leavers) if is_last else sends.count, sends.phase)
        size = beyond - first
        if size <= 0:
            return
        # A random remaining member gets each of the other messages. These are numbered first.
        leaver, stay, staying = leavers.start + first, leavers.stop, len(self._audience) - leavers.stop
        if is_last:
            first += sends.count
        # The arrival manners of the step's events are assigned in the same way, rotated by a random number.
        word = self._randomness.word(SPACE_MANNER, (sent_cell << 5 | track.pattern) << 3 | track.step)
        phase, turn = word & MASK_32, word >> 32
        low, high = _members(track.picks, size, phase)
        if low >= high:
            return
        broken = (track.broken * size - phase + MASK_32) >> 32
        plain = (track.plain * size - phase + MASK_32) >> 32

        words = self._randomness.words(size * _WORDS, SPACE_MESSAGE, sent_cell, track.pattern)
        cell_us, epoch_us = self.cell_us, self._epoch_us
        start_us, end_us = cell * cell_us, (cell + 1) * cell_us
        sent_us, occurred_us = sent_cell * cell_us, occurred_cell * cell_us
        origin = _WORD_DELAYS + path.origin
        jitters = [(origin + place, jitter.low, jitter.span) for place, jitter in enumerate(path.jitters, start=1)]
        lag_word, lag_low, lag_span = _WORD_LAGS + track.step, track.lag.low, track.lag.span
        for pick in range(low, high):
            index = (pick + turn) % size
            base = index * _WORDS
            occurred = occurred_us + (words[base + origin] * cell_us >> 32)
            for slot, jitter_low, jitter_span in jitters:
                occurred += jitter_low + (words[base + slot] * jitter_span >> 32)
            received = arrived = occurred + lag_low + (words[base + lag_word] * lag_span >> 32)
            if held is not None:
                word = remix32(words[base + lag_word])
                if isinstance(held, Jitter):
                    received += held.low + scale(word, held.span)
                else:
                    received = start_us + scale(word, cell_us)
            if not start_us <= received < end_us:
                continue
            if sent_us + (words[base + _WORD_DELAYS] * cell_us >> 32) < epoch_us:
                continue
            message = sent_cell << 20 | (first + index) << 3
            found.append(
                Occurrence(
                    received,
                    self._randomness.identifier(SPACE_EVENT_ID, message | track.step),
                    arrived if track.redelivery else received,
                    occurred,
                    message,
                    track.pattern,
                    track.step,
                    sent_us // HOUR_US,
                    leaver + index if is_last else stay + scale(words[base + _WORD_RECIPIENT], staying),
                    words[base + _WORD_TRAITS],
                    pick >= broken,
                    plain <= pick < broken,
                )
            )


def _members(interval: tuple[int, int], count: int, phase: int) -> tuple[int, int]:
    """Return the range of the i for which (i + phase / 2**32) / count falls in the interval, in 32-bit fractions."""
    low, high = interval
    return (low * count - phase + MASK_32) >> 32, (high * count - phase + MASK_32) >> 32

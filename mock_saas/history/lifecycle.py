"""A message's lifecycle: its patterns, the frequency of each, and the duration of each step.

Rates are those of an ordinary permission-based sender: 97 % delivered, a third opened, one in sixteen clicked, a few in
ten thousand complain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

MINUTE = 60.0
HOUR = 3600.0

WEIGHT_TOTAL = 10_000
"""The weights of all patterns add up to this."""

MAX_STEPS = 6


class EventType(StrEnum):
    """The types of event of the API."""

    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    OPENED = "opened"
    CLICKED = "clicked"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"


@dataclass(frozen=True)
class Delay:
    """A delay of ``low`` to ``high`` seconds."""

    low: float
    high: float


@dataclass(frozen=True)
class Step:
    """One event of a message, ``delay`` after the event before it."""

    type: EventType
    delay: Delay


@dataclass(frozen=True)
class Pattern:
    """A possible life of a message: its steps in order, and the number of messages of WEIGHT_TOTAL that follow it.

    Each step is caused by the step before it.
    """

    weight: int
    steps: tuple[Step, ...]
    hard_bounce: bool = False

    @property
    def is_last(self) -> bool:
        """Whether the recipient leaves the mailing list by it, so that the provider sends nothing more to them."""
        return self.hard_bounce or self.steps[-1].type in (EventType.UNSUBSCRIBED, EventType.COMPLAINED)


AT_ONCE = Delay(0, 0)
DELIVERY = Delay(0.5, 20)
GREYLISTED_DELIVERY = Delay(1 * MINUTE, 25 * MINUTE)
REFUSAL = Delay(0.5, 30)
GIVING_UP = Delay(0.5 * HOUR, 4 * HOUR)
IN_MINUTES = Delay(20, 15 * MINUTE)
WITHIN_HOURS = Delay(0.25 * HOUR, 2 * HOUR)
HOURS_LATER = Delay(2 * HOUR, 8 * HOUR)
NEXT_DAY = Delay(8 * HOUR, 24 * HOUR)
DAYS_LATER = Delay(24 * HOUR, 72 * HOUR)
AGAIN_SOON = Delay(1 * MINUTE, 30 * MINUTE)
REACTION = Delay(2, 2 * MINUTE)
SECOND_THOUGHT = Delay(5, 5 * MINUTE)

RECEIVE_LAG = Delay(0.05, 3)
"""How long after it occurred an event is received, if nothing holds it up."""

LATE_LAGS = (
    (0.012, Delay(1 * HOUR, 6 * HOUR)),
    (0.006, Delay(6 * HOUR, 24 * HOUR)),
    (0.002, Delay(24 * HOUR, 46 * HOUR)),
)
"""Share of the events that arrive late, and by how much."""

REDELIVERY_LAGS = ((0.006, Delay(5 * MINUTE, 60 * MINUTE)), (0.004, Delay(2 * HOUR, 20 * HOUR)))
"""Share of the events that arrive a second time, and how long after the first."""


def _life(weight: int, *steps: tuple[EventType, Delay], hard_bounce: bool = False) -> Pattern:
    every_step = ((EventType.SENT, AT_ONCE), *steps)
    return Pattern(weight, tuple(Step(type_, delay) for type_, delay in every_step), hard_bounce)


def _patterns() -> tuple[Pattern, ...]:
    delivered = (EventType.DELIVERED, DELIVERY)

    def opened(delay: Delay) -> tuple[EventType, Delay]:
        return EventType.OPENED, delay

    def clicked(delay: Delay) -> tuple[EventType, Delay]:
        return EventType.CLICKED, delay

    return (
        _life(100, (EventType.BOUNCED, REFUSAL), hard_bounce=True),
        _life(200, (EventType.BOUNCED, GIVING_UP)),
        _life(6048, delivered),
        _life(350, (EventType.DELIVERED, GREYLISTED_DELIVERY)),
        _life(2, delivered, (EventType.COMPLAINED, HOURS_LATER)),
        # Opened once.
        _life(600, delivered, opened(IN_MINUTES)),
        _life(550, delivered, opened(WITHIN_HOURS)),
        _life(450, delivered, opened(HOURS_LATER)),
        _life(400, delivered, opened(NEXT_DAY)),
        _life(200, delivered, opened(DAYS_LATER)),
        _life(40, (EventType.DELIVERED, GREYLISTED_DELIVERY), opened(IN_MINUTES)),
        # Opened again.
        _life(220, delivered, opened(IN_MINUTES), opened(HOURS_LATER)),
        _life(140, delivered, opened(WITHIN_HOURS), opened(NEXT_DAY)),
        _life(80, delivered, opened(HOURS_LATER), opened(AGAIN_SOON)),
        _life(60, delivered, opened(IN_MINUTES), opened(AGAIN_SOON), opened(NEXT_DAY)),
        # Clicked.
        _life(200, delivered, opened(IN_MINUTES), clicked(REACTION)),
        _life(120, delivered, opened(WITHIN_HOURS), clicked(REACTION)),
        _life(70, delivered, opened(HOURS_LATER), clicked(REACTION)),
        _life(50, delivered, opened(NEXT_DAY), clicked(REACTION)),
        _life(20, delivered, opened(DAYS_LATER), clicked(REACTION)),
        _life(50, delivered, opened(IN_MINUTES), clicked(REACTION), clicked(SECOND_THOUGHT)),
        _life(22, delivered, opened(WITHIN_HOURS), opened(HOURS_LATER), clicked(REACTION)),
        # Had enough.
        _life(16, delivered, opened(IN_MINUTES), (EventType.UNSUBSCRIBED, SECOND_THOUGHT)),
        _life(6, delivered, opened(IN_MINUTES), clicked(REACTION), (EventType.UNSUBSCRIBED, SECOND_THOUGHT)),
        _life(6, delivered, opened(WITHIN_HOURS), (EventType.COMPLAINED, SECOND_THOUGHT)),
    )


PATTERNS = _patterns()


def total_weight(patterns: Sequence[Pattern], *, is_last: bool) -> int:
    """Return how many of WEIGHT_TOTAL messages are (or are not) the last message to their recipient."""
    return sum(pattern.weight for pattern in patterns if pattern.is_last is is_last)

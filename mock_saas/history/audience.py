"""The mailing list, and its members' departures: nothing is sent after a hard bounce, an unsubscription or a complaint.

The list is in the order in which its members leave. So the members at any moment are a suffix of the list, and any part
of history can be computed without the part before it: the message by which a member leaves is the last one to them.
"""

from itertools import count
from math import gcd
from typing import Self

from mock_saas.history.randomness import SPACE_AUDIENCE, Randomness
from mock_saas.history.rhythm import days_of_traffic
from mock_saas.settings import Settings

_DIGITS = 10
_GOLDEN = 0.618

# Of four members this many leave in all of history, because somebody must be left to write to.
_LEAVERS_OF_FOUR = 3


class Audience:
    """The members of the list: customers 1 to ``recipients`` of the shop, without those who gave no consent to mail.

    Args:
        no_consent: the last digits of the numbers of customers who gave none.
    """

    def __init__(self, recipients: int, no_consent: str, randomness: Randomness) -> None:
        listed = [number for number in range(1, _DIGITS + 1) if str(number)[-1] not in no_consent]
        blocks, rest = divmod(recipients, _DIGITS)
        self._listed = listed
        self._size = blocks * len(listed) + sum(number <= rest for number in listed)
        if self._size == 0:
            raise ValueError("nobody is on the mailing list")
        self._offset = randomness.word(SPACE_AUDIENCE, 0) % self._size
        # The step has no common divisor with the size, so that it reaches every position once.
        self._stride = next(stride for stride in count(int(self._size * _GOLDEN)) if gcd(stride, self._size) == 1)

    @classmethod
    def of(cls, settings: Settings, randomness: Randomness) -> Self:
        """Return the list of a provider with these settings."""
        return cls(settings.recipients, settings.no_consent_endings, randomness)

    def __len__(self) -> int:
        return self._size

    def number(self, position: int) -> int:
        """Return the customer number of a member, by the position in the order of leaving."""
        block, index = divmod((position * self._stride + self._offset) % self._size, len(self._listed))
        return block * _DIGITS + self._listed[index]


class Departures:
    """The times at which members leave: from the beginning of history, at a constant rate relative to the traffic."""

    def __init__(self, audience: Audience, leavers_per_day: float, epoch_us: int) -> None:
        self._most = len(audience) * _LEAVERS_OF_FOUR // 4
        self._per_day = leavers_per_day
        self._epoch_us = epoch_us

    def before(self, us: int) -> int:
        """Return the number of members who have left by then. They are at the positions below it."""
        left = int(self._per_day * days_of_traffic(self._epoch_us, us))
        return min(max(left, 0), self._most)

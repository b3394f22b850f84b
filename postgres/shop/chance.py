"""Repeatable randomness: seeded generators, and numbers that depend only on a key."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

Value = TypeVar("Value")


def generator(*key: object) -> Random:
    """Return a random generator that depends only on the key. It is the same on every machine and in every process."""
    return Random(":".join(map(str, key)))  # noqa: S311 - made-up business data, nothing secret


def fraction(purpose: str, number: int) -> float:
    """Return a number in [0, 1) that looks random but depends only on the two arguments.

    It serves for facts that outlive a process without being stored, such as the popularity of product 17.
    """
    digest = blake2b(f"{purpose}:{number}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


class Weighted(Generic[Value]):
    """Values drawn in proportion to their weights. It is faster than `Random.choices`, which sums them every time."""

    def __init__(self, values: Sequence[Value], weights: Iterable[float]) -> None:
        self._values = values
        self._cumulative = list(accumulate(weights))
        if len(self._cumulative) != len(values):
            raise ValueError(f"{len(values)} values, {len(self._cumulative)} weights")

    @property
    def total(self) -> float:
        """The sum of the weights; 0 if there are no values."""
        return self._cumulative[-1] if self._cumulative else 0.0

    def draw(self, rng: Random) -> Value:
        """Return a random value. Raises IndexError if there is none, or none with a weight."""
        if self.total <= 0:
            raise IndexError("nothing to draw from")
        point = rng.random() * self.total
        return self._values[bisect_right(self._cumulative, point, hi=len(self._values) - 1)]

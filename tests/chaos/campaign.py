"""The input and output of every campaign: a seed, a size, a time limit; figures, and findings."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic

from tests.chaos.comparison.judge import Judgement


@dataclass(frozen=True)
class Order:
    """The order of a campaign: all randomness comes from `seed`; `scale` 1 is the full size; no round begins after
    `seconds`.
    """

    seed: int
    scale: float = 1.0
    seconds: float = 300.0

    def chance(self, purpose: str) -> random.Random:
        """Random numbers of their own for each purpose, so that one does not shift another."""
        return random.Random(f"{self.seed}/{purpose}")

    def size(self, full: int, *, least: int = 1) -> int:
        """`full` at this scale."""
        return max(least, round(full * self.scale))

    def rounds(self, count: int) -> Iterator[int]:
        """0 to `count` - 1, ending early when the time is over."""
        begin = monotonic()
        for number in range(count):
            if monotonic() - begin > self.seconds:
                return
            yield number


@dataclass
class Report:
    """The result of a campaign. `wanted` and `done` count rounds; `figures` are for people."""

    campaign: str
    order: Order
    wanted: int
    done: int = 0
    figures: dict[str, object] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.findings

    @property
    def cut_short(self) -> bool:
        """Whether the time was over before the last round."""
        return self.done < self.wanted

    @property
    def again(self) -> str:
        """The command that repeats the campaign."""
        return f"python -m tests.chaos {self.campaign} --seed {self.order.seed} --scale {self.order.scale:g}"

    def expect(self, held: object, finding: str) -> None:
        """Record `finding` unless it `held`."""
        if not held:
            self.findings.append(finding)

    def take(self, judgement: Judgement) -> None:
        """Add the judge's findings."""
        self.findings += [finding for finding in judgement.findings if finding not in self.findings]
        self.figures["rows judged"] = judgement.rows

    def require_passed(self) -> None:
        """Raise AssertionError with the seed, every finding, and the command that runs it again."""
        told = "\n".join(f"  {finding}" for finding in self.findings)
        assert self.passed, f"{self.campaign}, seed {self.order.seed}:\n{told}\nagain: {self.again}"

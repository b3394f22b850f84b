"""Campaign 4, two at once: several ingesters and two loaders on one stream; each version is committed and loaded once.

They are real processes, started together. Whoever loses a version ends with exit code 3 and says so; all others end
with 0; and nobody leaves anything that the judge could find.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from psycopg2.extensions import connection as Connection

from ingest.contracts.model import StreamContract
from ingest.contracts.registry import ContractRegistry
from tests.chaos.campaign import Order, Report
from tests.chaos.faults.victims import Victim, start
from tests.chaos.line import Ground, Line

NAME = "races"
FULL = 50
STREAM = "customers"
_LOST = 3
_WORDS_OF_LOSERS = ("another writer", "another loader", "is being written by", "another program has the warehouse open")


def run(ground: Ground, order: Order) -> Report:
    """Race round after round, then judge."""
    report = Report(NAME, order, wanted=order.size(FULL, least=3))
    contract = ContractRegistry.load()[STREAM]
    with ground.line(NAME) as line, line.session() as session:
        track = _Track(line, session, order.chance("races"), report)
        for number in order.rounds(report.wanted):
            track.race(number)
            report.done += 1
        _settle(line, contract, report)
    report.figures |= {f"{role}: exit code {code}": count for (role, code), count in sorted(track.ends.items())}
    report.expect(
        order.scale < 1 or track.ends["ingest", _LOST], "no ingester ever lost a version: they were never at once"
    )
    return report


def _settle(line: Line, contract: StreamContract, report: Report) -> None:
    """Do one run and one load alone, then judge."""
    line.ingest([contract])
    line.load([contract])
    report.take(line.judge([contract]))


@dataclass
class _Track:
    """The place of the races, and the exit codes of the racers."""

    line: Line
    session: Connection
    chance: random.Random
    report: Report
    ends: Counter[tuple[str, int]] = field(default_factory=Counter)

    def race(self, number: int) -> None:
        """Change the source, start all racers at once, and wait for them all."""
        self._change_the_source()
        commands = [["ingest", "run", "--stream", STREAM] for _ in range(self.chance.randint(2, 4))]
        if self.chance.random() < 0.3:
            commands[0] = ["ingest", "keys", STREAM]
        # A loader that waits takes its turn; one that does not, ends as a loser.
        commands += [["warehouse", "load", "--stream", STREAM, "--wait", wait] for wait in ("60", "0")]
        self.chance.shuffle(commands)
        folder = self.line.warehouse.parent / f"{NAME}-racers"
        racers = [
            start(command, self.line.environment, folder / f"{number:03d}-{place}.out")
            for place, command in enumerate(commands)
        ]
        for racer in racers:
            self._take_end(racer)

    def _change_the_source(self) -> None:
        with self.session.cursor() as cursor:
            cursor.execute(
                "insert into customers (email, full_name, country, marketing_consent, signed_up_at)"
                " select gen_random_uuid() || '@example.com', 'New', 'NL', true, '2026-06-01'"
                " from generate_series(1, %s)",
                (self.chance.randint(1, 50),),
            )
            cursor.execute(
                "update customers set full_name = full_name || '.' where mod(customer_id, 7) = %s",
                (self.chance.randrange(7),),
            )
            cursor.execute(
                "delete from customers where customer_id = (select max(customer_id) from customers) and %s",
                (self.chance.random() < 0.5,),
            )

    def _take_end(self, racer: Victim) -> None:
        code = racer.wait(120)
        if code is None:
            racer.kill()
            self.report.findings.append(f"'{racer}' did not end")
            return
        self.ends[racer.arguments[0], code] += 1
        said = racer.said
        if code not in (0, _LOST) or "Traceback" in said:
            self.report.findings.append(f"'{racer}' ended with {code}: {said[-1500:]}")
        elif code == _LOST:
            told = any(words in said for words in _WORDS_OF_LOSERS)
            self.report.expect(told, f"'{racer}' lost and did not say so: {said[-500:]}")

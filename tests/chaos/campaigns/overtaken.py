"""Campaign 1, overtaken commits: a transaction that began earlier commits later, and none of its rows may be skipped.

One thread plays all clients and ingest, step by step in random order, so that a seed gives the same interleaving again:
transactions begin, write, idle, are prepared, end; and between any two of these steps a run takes its horizon, opens
its snapshot, reads a stream, or ends; even between the statements of a horizon. Beside ingest, a reader that keeps the
largest timestamp reads the same table at the same moments. It must lose rows, or the campaign would have proved
nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic

from psycopg2.extensions import connection as Connection

from ingest.contracts.model import StreamContract
from ingest.contracts.registry import ContractRegistry
from ingest.run.runner import open_ingestion
from tests.chaos.campaign import Order, Report
from tests.chaos.faults.interposed import interposed
from tests.chaos.faults.writers import Client, Ending, Traffic, no_prepared_left
from tests.chaos.line import Ground, Line

NAME = "overtaken"
FULL = 300
STREAMS = ["customers", "stock_movements"]
_LONG_SECONDS = (5.0, 20.0, 75.0)
"""How long the few long transactions of the full size stay open."""
_LOAD_EVERY = 50

Actor = Iterator[None]
"""Does a step whenever it is asked for the next."""


def run(ground: Ground, order: Order) -> Report:
    """Play the interleavings, then judge."""
    report = Report(NAME, order, wanted=order.size(FULL, least=8))
    contracts = ContractRegistry.load().select(STREAMS)
    with ground.line(NAME) as line, line.session() as session:
        naive = NaiveReader(session)
        stage = _Stage(line, contracts, order, naive)
        with no_prepared_left(session), interposed(stage.happen):
            for number in order.rounds(report.wanted):
                stage.play()
                report.done += 1
                if number % _LOAD_EVERY == _LOAD_EVERY - 1:
                    line.load(contracts)
            stage.finish()
        line.ingest(contracts)
        line.load(contracts)
        report.take(line.judge(contracts))
        lost = naive.lost()
        report.expect(lost, "the reader of the largest timestamp lost nothing: this campaign could not see a loss")
        report.expect(stage.held_back, "no run was ever held back by an open transaction")
        report.figures |= stage.figures | {"lost by the naive reader": lost}
    return report


@dataclass
class NaiveReader:
    """A reader of rows above the largest `updated_at` that it has seen, like many pipelines."""

    session: Connection
    watermark: datetime = datetime(1, 1, 1, tzinfo=UTC)
    seen: set[tuple[int, datetime]] = field(default_factory=set)

    def read(self) -> None:
        """Do one run."""
        with self.session.cursor() as cursor:
            cursor.execute("select customer_id, updated_at from customers where updated_at > %s", (self.watermark,))
            found = cursor.fetchall()
        self.seen.update(found)
        self.watermark = max((moment for _, moment in found), default=self.watermark)

    def lost(self) -> int:
        """Return the number of rows whose present version the reader has not seen, after one more run."""
        self.read()
        with self.session.cursor() as cursor:
            cursor.execute("select customer_id, updated_at from customers")
            return len(set(cursor.fetchall()) - self.seen)


@dataclass
class _Stage:
    """The clients with open transactions, and the runs between their steps."""

    line: Line
    contracts: Sequence[StreamContract]
    order: Order
    naive: NaiveReader
    clients: list[Actor] = field(default_factory=list)
    long: list[tuple[float, Client]] = field(default_factory=list)
    runs: int = 0
    held_back: int = 0
    prepared: int = 0
    rounds: int = 0

    def __post_init__(self) -> None:
        self.chance = self.order.chance("interleavings")
        self.traffic = Traffic(self.line, self.order.chance("writes"))
        self.long_to_come = list(_LONG_SECONDS) if self.order.scale >= 1 else []

    @property
    def figures(self) -> dict[str, object]:
        """The counts of steps."""
        return {
            "transactions": self.traffic.transactions,
            "prepared": self.prepared,
            "runs": self.runs,
            "held back": self.held_back,
        }

    def play(self) -> None:
        """Play one interleaving: the steps of clients and of runs, merged at random.

        It ends with its last run; open transactions stay open into the next interleaving.
        """
        self._begin_and_end_long_ones()
        self.clients += [self._client() for _ in range(self.chance.randint(2, 5))]
        runs = self._runs(self.chance.randint(1, 3))
        actors = [*self.clients, self._quick_ones(self.chance.randint(1, 3)), runs]
        while runs in actors:
            actor = self.chance.choice(actors)
            if next(actor, _DONE) is _DONE:
                actors.remove(actor)
        self.clients = [actor for actor in self.clients if actor in actors]

    def happen(self) -> None:
        """Do steps of clients just before a run reads the source."""
        for _ in range(self.chance.choice([0, 0, 1, 2])):
            if self.clients:
                next(self.chance.choice(self.clients), _DONE)
            else:
                self.traffic.quick()

    def finish(self) -> None:
        """End every open transaction as planned."""
        for actor in self.clients:
            deque(actor, maxlen=0)
        for _, client in self.long:
            client.end()

    def _client(self) -> Actor:
        client = self.traffic.open_client()
        client.begin()
        yield
        for _ in range(self.chance.randint(0, 3)):
            client.write()
            yield
        if client.ending.prepared:
            client.prepare()
            self.prepared += 1
            yield
        client.end()
        yield

    def _quick_ones(self, count: int) -> Actor:
        for _ in range(count):
            self.traffic.quick()
            yield

    def _runs(self, count: int) -> Actor:
        for _ in range(count):
            with open_ingestion(
                self.line.settings, self.contracts, f"run-{self.runs}", store=self.line.store
            ) as opened:
                self.runs += 1
                self.naive.read()
                yield
                for contract in self.contracts:
                    result = opened.ingest(contract.stream, keys=self.chance.random() < 0.2, count=False)
                    self.held_back += result.blocker is not None
                    yield

    def _begin_and_end_long_ones(self) -> None:
        self.rounds += 1
        over = [item for item in self.long if item[0] <= monotonic()]
        for item in over:
            item[1].end()
            self.long.remove(item)
        if self.long_to_come and self.rounds % _LONG_EVERY == 0:
            client = self.traffic.open_client(Ending.COMMIT)
            client.begin()
            client.write()
            self.long.append((monotonic() + self.long_to_come.pop(0), client))


_DONE = object()
_LONG_EVERY = 30

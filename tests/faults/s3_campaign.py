"""A storm over S3: any request, of runs and of loads, may meet an error, a cut, an alteration or a lost answer.

    report = s3_campaign(ground, seed=1, rounds=5)

Runs and loads may fail, as long as they say that it was a fault of the moment. After the storm one quiet run and one
quiet load make everything equal.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg2.extensions import connection as Connection

from ingest.contracts.registry import ContractRegistry
from ingest.errors import FatalError, TransientError
from tests.chaos.judge import Judgement
from tests.chaos.line import Ground, Line
from tests.faults.patience import without_waiting
from tests.ingest.s3_proxy import Storm, s3_proxy

STREAMS = ("customers", "products", "stock_levels")


@dataclass
class S3Report:
    """What the storm did: faults by kind, how the runs and loads ended, and the judgement."""

    seed: int
    struck: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    judgement: Judgement | None = None

    def __str__(self) -> str:
        faults = ", ".join(f"{kind} {count}" for kind, count in sorted(self.struck.items()))
        return f"seed {self.seed}: {dict(self.ended)}; {self.struck.total()} faults ({faults})"


def s3_campaign(ground: Ground, *, seed: int, rounds: int, rate: float = 0.15) -> S3Report:
    """Change the shop, run and load through the storm, `rounds` times; then judge. Raises AssertionError."""
    chance = random.Random(seed)
    storm = Storm(random.Random(seed), rate)
    report = S3Report(seed, struck=storm.struck)
    registry = ContractRegistry.load()
    contracts = [registry[stream] for stream in STREAMS]
    with ground.line(f"s3_{seed}") as line, s3_proxy(ground.s3) as proxy, without_waiting():
        proxy.storm = storm
        stormy = _behind(line, proxy.endpoint_url)
        for _ in range(rounds):
            with line.session() as session:
                _change(session, chance)
            _tried(report, "run", lambda: stormy.ingest(contracts))
            _tried(report, "load", lambda: stormy.load(contracts))
        line.ingest(contracts)
        line.load(contracts)
        report.judgement = line.judge(contracts, staging=False)
    report.judgement.require_innocent()
    return report


def _behind(line: Line, endpoint_url: str) -> Line:
    lake = line.settings.lake.model_copy(update={"endpoint_url": endpoint_url})
    # Small files, so that a batch has many of them.
    settings = line.settings.model_copy(update={"lake": lake, "target_file_bytes": 1, "concurrency": 1})
    return replace(line, settings=settings)


def _tried(report: S3Report, what: str, call: Callable[[], Any]) -> None:
    try:
        call()
    except TransientError:
        report.ended[f"{what} failed"] += 1
    except FatalError as error:
        if "is not what was written there" not in error.message:
            raise
        # Altered on the way as often as it was asked for.
        report.ended[f"{what} refused"] += 1
    else:
        report.ended[f"{what} done"] += 1


def _change(session: Connection, chance: random.Random) -> None:
    with session.cursor() as cursor:
        few = chance.randint(1, 20)
        cursor.execute("update customers set full_name = full_name || '.' where customer_id %% %s = 0", (few,))
        cursor.execute("update products set price = price + 1 where product_id = %s", (chance.randint(1, 10),))
        cursor.execute("delete from customers where customer_id = %s", (chance.randint(1, 100),))

"""A storm over S3: any request, of runs and of loads, may meet an error, a cut, an alteration or a lost answer.

Runs and loads may fail, as long as they say that it was a fault of the moment. After the storm one quiet run and one
quiet load make everything equal.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from psycopg2.extensions import connection as Connection

from ingest.contracts.registry import ContractRegistry
from ingest.errors import FatalError, TransientError
from tests.chaos.campaign import Order, Report
from tests.chaos.line import Ground, Line
from tests.faults.patience import without_waiting
from tests.ingest.lake.s3_proxy import Storm, s3_proxy

NAME = "s3"
FULL = 40
STREAMS = ("customers", "products", "stock_levels")


def run(ground: Ground, order: Order) -> Report:
    """Change the shop, run and load through the storm, round after round; then judge."""
    report = Report(NAME, order, wanted=order.size(FULL))
    chance = order.chance("rounds")
    registry = ContractRegistry.load()
    contracts = [registry[stream] for stream in STREAMS]
    ended: Counter[str] = Counter()
    with ground.line(NAME) as line, s3_proxy(ground.s3) as proxy, without_waiting():
        proxy.storm = storm = Storm(order.chance("faults"), 0.0)
        stormy = _behind(line, proxy.endpoint_url)
        for _ in order.rounds(report.wanted):
            storm.rate = chance.uniform(0.05, 0.35)
            with line.session() as session:
                _change(session, chance)
            ended["run " + _end_of(lambda: stormy.ingest(contracts))] += 1
            ended["load " + _end_of(lambda: stormy.load(contracts))] += 1
            report.done += 1
        line.ingest(contracts)
        line.load(contracts)
        report.take(line.judge(contracts))
    report.figures |= {"ended": dict(ended), "faults": storm.struck.total(), "by kind": dict(storm.struck)}
    report.expect(storm.struck.total() > 3 * report.done, "the storm hardly struck")
    report.expect(ended["run done"] and ended["load done"], f"nothing got through: {dict(ended)}")
    return report


def _behind(line: Line, endpoint_url: str) -> Line:
    """Return the line through the storm, with small files, so that a batch has many of them."""
    lake = line.settings.lake.model_copy(update={"endpoint_url": endpoint_url})
    settings = line.settings.model_copy(update={"lake": lake, "target_file_bytes": 1, "concurrency": 1})
    return replace(line, settings=settings)


def _end_of(call: Callable[[], object]) -> str:
    try:
        call()
    except TransientError:
        return "failed"
    except FatalError as error:
        if "is not what was written there" not in error.message:
            raise
        return "refused what was altered as often as it was asked for"
    return "done"


def _change(session: Connection, chance: random.Random) -> None:
    with session.cursor() as cursor:
        few = chance.randint(1, 20)
        cursor.execute("update customers set full_name = full_name || '.' where customer_id %% %s = 0", (few,))
        cursor.execute("update products set price = price + 1 where product_id = %s", (chance.randint(1, 10),))
        cursor.execute("delete from customers where customer_id = %s", (chance.randint(1, 100),))

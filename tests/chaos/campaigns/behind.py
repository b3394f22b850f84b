"""Campaign: changes behind the cursor. Triggers are off while rows are changed, added, deleted and set back.

Runs and their counts see none of it. `verify` must name exactly the keys that were touched, and after its repair and a
load, source, lake, RAW and staging are equal again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from psycopg2.extensions import connection as Connection

from ingest.contracts.model import StreamContract
from ingest.contracts.registry import ContractRegistry
from ingest.run.runner import open_ingestion
from ingest.verify.report import Verification
from tests.chaos.campaign import Order, Report
from tests.chaos.line import Ground, Line

NAME = "behind"
FULL = 25
STREAMS = ("customers", "stock_levels")


@dataclass
class _Touched:
    """Keys of customers by the kind of change."""

    changed: set[int] = field(default_factory=set)
    missing: set[int] = field(default_factory=set)
    extra: set[int] = field(default_factory=set)


def run(ground: Ground, order: Order) -> Report:
    """Play the rounds, then judge."""
    contracts = [ContractRegistry.load()[stream] for stream in STREAMS]
    report = Report(NAME, order, wanted=order.size(FULL, least=2))
    chance = order.chance("changes")
    touched = 0
    with ground.line(NAME) as line, line.session() as session:
        line.ingest(contracts)
        for number in order.rounds(report.wanted):
            customers = _change_customers(session, chance, number)
            levels = _change_stock_levels(session, chance)
            line.ingest(contracts, keys=False)
            _expect(report, number, _verify(line, contracts, repair=False), customers, levels)
            _verify(line, contracts, repair=True)
            left = [item.stream for item in _verify(line, contracts, repair=False).values() if item.differs]
            report.expect(not left, f"round {number}: {', '.join(left)} still differ after the repair")
            line.load(contracts)
            touched += len(customers.changed | customers.missing | customers.extra) + levels
            report.done += 1
        report.figures["rows touched"] = touched
        report.take(line.judge(contracts, landed_once=False))
    return report


def _verify(line: Line, contracts: list[StreamContract], *, repair: bool) -> dict[str, Verification]:
    with open_ingestion(line.settings, contracts, "campaign", store=line.store) as run:
        return {contract.stream: run.verify(contract.stream, repair=repair) for contract in contracts}


def _expect(report: Report, number: int, found: dict[str, Verification], customers: _Touched, levels: int) -> None:
    seen = found["customers"]
    counts = (seen.changed.rows, seen.missing.rows, seen.extra.rows)
    wanted = (len(customers.changed), len(customers.missing), len(customers.extra))
    report.expect(counts == wanted, f"round {number}: customers: verify found {counts}, {wanted} were touched")
    for part, keys in (
        (seen.changed, customers.changed),
        (seen.missing, customers.missing),
        (seen.extra, customers.extra),
    ):
        first = tuple(f"customer_id={key}" for key in sorted(keys)[:5])
        report.expect(part.keys == first, f"round {number}: customers: verify named {part.keys}, not {first}")
    changed = found["stock_levels"].changed.rows
    report.expect(changed == levels, f"round {number}: stock_levels: verify found {changed}, {levels} were touched")


def _change_customers(session: Connection, chance: random.Random, number: int) -> _Touched:
    touched = _Touched()
    with session.cursor() as cursor:
        cursor.execute("alter table customers disable trigger user")
        cursor.execute("select customer_id from customers order by customer_id")
        keys = [key for (key,) in cursor.fetchall()]
        chosen = chance.sample(keys, 8)
        cursor.execute("update customers set full_name = full_name || ' *' where customer_id = any(%s)", (chosen[:4],))
        cursor.execute(
            "update customers set updated_at = timestamptz '2001-02-01' + make_interval(days => %s)"
            " where customer_id = any(%s)",
            (number, chosen[4:]),
        )
        touched.changed.update(chosen)
        cursor.execute(
            "insert into customers (email, full_name, country, marketing_consent, signed_up_at, created_at, updated_at)"
            " values (%s, 'Late', 'DE', false, '2001-01-01', '2001-01-01', '2001-01-01') returning customer_id",
            (f"late{number}@mail.example",),
        )
        touched.missing.update(key for (key,) in cursor.fetchall())
        cursor.execute(
            "delete from customers where customer_id in (select c.customer_id from customers c where not exists"
            " (select from orders o where o.customer_id = c.customer_id) and c.full_name <> 'Late'"
            " order by c.customer_id limit 2) returning customer_id"
        )
        touched.extra.update(key for (key,) in cursor.fetchall())
        cursor.execute("alter table customers enable trigger user")
    touched.changed -= touched.extra
    return touched


def _change_stock_levels(session: Connection, chance: random.Random) -> int:
    with session.cursor() as cursor:
        cursor.execute("alter table stock_levels disable trigger user")
        cursor.execute("select warehouse_id, product_id from stock_levels order by 1, 2")
        keys = chance.sample(cursor.fetchall(), 5)
        for warehouse, product in keys:
            cursor.execute(
                "update stock_levels set reorder_point = reorder_point + 1 where warehouse_id = %s and product_id = %s",
                (warehouse, product),
            )
        cursor.execute("alter table stock_levels enable trigger user")
    return len(keys)

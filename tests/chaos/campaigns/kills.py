"""Campaign 3, kill anywhere: runs, loads and keys passes are killed with SIGKILL while the shop is busy.

A kill strikes after a random time; or at a random request to S3, before the endpoint hears of it, or after it is done
and before the client hears of that; or when the warehouse's file grows, as it does when a load commits. After the last
kill, one clean run and load make everything equal; what the killed left behind is what `ingest gc` removes (`orphans`).
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

from ingest.contracts.registry import ContractRegistry
from postgres.activity.advance import latest_business_time
from postgres.activity.continuous import keep_advancing
from postgres.connection import connected
from tests.chaos.campaign import Order, Report
from tests.chaos.comparison.orphans import collect_garbage
from tests.chaos.faults.hunters import Hunter, hunting_ground
from tests.chaos.line import BUSINESS_NOW, Ground, Line

NAME = "kills"
FULL = 200
_MARGIN_SECONDS = 0.3
"""Of the horizon. The shop's sessions begin their transactions while runs read the horizon."""
_FEW = ["customers", "email_events", "orders", "stock_movements"]
"""The streams of a small size; the full size has all."""


def run(ground: Ground, order: Order) -> Report:
    """Kill until there were enough kills, then land, load and judge."""
    report = Report(NAME, order, wanted=order.size(FULL, least=6))
    contracts = ContractRegistry.load().select([] if order.scale >= 1 else _FEW)
    with ground.line(NAME, margin_seconds=_MARGIN_SECONDS) as line:
        with (
            hunting_ground(line, contracts, order, line.warehouse.parent / f"{NAME}-victims") as hunters,
            busy_shop(line, order.seed),
        ):
            chance = order.chance("kills")
            for number in order.rounds(report.wanted * 3):
                if chance.random() < 0.05 and ground.clock_may_move:
                    ground.saas.advance_clock(timedelta(hours=3))
                report.findings += _hunt(chance, hunters, number)
                report.done = sum(hunter.kills for hunter in hunters)
                if report.done >= report.wanted:
                    break
        time.sleep(_MARGIN_SECONDS)  # the last changes are now below any horizon
        line.ingest(contracts)
        line.load(contracts)
        read = [key for hunter in hunters for key in hunter.fetched]
        report.take(line.judge(contracts, objects_read=read))
        collect_garbage(line, contracts, report)
        line.load(contracts)
        report.take(line.judge(contracts, staging=False))
    struck = sum((hunter.struck for hunter in hunters), Counter[str]())
    report.figures |= {f"killed in {phase}": count for phase, count in sorted(struck.items())}
    return report


def _hunt(chance: random.Random, hunters: list[Hunter], number: int) -> list[str]:
    """Run one or two commands at once, each to be killed. Return the findings."""
    chosen = chance.sample(hunters, chance.choice([1, 1, 2]))
    for hunter in chosen:
        hunter.release(number)
    # One that watches a file has no time to lose.
    chosen.sort(key=lambda hunter: hunter.file is None)
    return [finding for hunter in chosen for finding in hunter.finish()]


@contextmanager
def busy_shop(line: Line, seed: int) -> Iterator[None]:
    """Advance the shop in the background, half a day at a time, until the block ends. Its failure is raised then."""
    stop = Event()
    failures: list[Exception] = []

    def live() -> None:
        try:
            with connected(line.shop.owner_dsn, application_name="shop-activity") as connection:
                keep_advancing(
                    connection,
                    business_now=latest_business_time(connection) or BUSINESS_NOW,
                    step=timedelta(hours=12),
                    every=timedelta(seconds=0.3),
                    seed=seed,
                    wait=stop.wait,
                    clock=lambda: BUSINESS_NOW,
                    on_advanced=lambda until, report: None,
                )
        except Exception as error:
            failures.append(error)

    thread = Thread(target=live, name="shop")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if failures:
        raise failures[0]

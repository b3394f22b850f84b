"""Connections to Postgres are cut at any byte, run after run, while rows are written.

A TCP proxy resets each connection after so many bytes of the server's: in the login, in a statement's answer, in the
middle of a long read, or never. Runs may fail, as long as they say that it was a fault of the moment.
"""

from __future__ import annotations

import random
from collections import Counter
from unittest.mock import patch

from psycopg2.extensions import connection as Connection
from pydantic import SecretStr

from ingest.contracts.registry import ContractRegistry
from ingest.errors import TransientError
from tests.chaos.campaign import Order, Report
from tests.chaos.line import Ground
from tests.faults.patience import without_waiting
from tests.faults.tcp_proxy import tcp_proxy

NAME = "cuts"
FULL = 50


def run(ground: Ground, order: Order) -> Report:
    """Write, and run over connections that are cut, round after round; then run over good ones, and judge."""
    report = Report(NAME, order, wanted=order.size(FULL))
    chance = order.chance("rounds")
    contract = ContractRegistry.load()["customers"]
    ended: Counter[str] = Counter()
    with (
        ground.line(NAME) as line,
        line.session() as session,
        tcp_proxy(ground.postgres.port) as proxy,
        without_waiting(),
        patch("ingest.sources.postgres.reader.BATCH_BYTES", 2**16),
    ):
        dsn = proxy.before(line.settings.postgres_dsn.get_secret_value())
        shaky = line.settings.model_copy(update={"postgres_dsn": SecretStr(dsn)})
        for _ in order.rounds(report.wanted):
            _write(session, chance)
            proxy.cuts.clear()
            # From the first bytes to the end of a long read, evenly by magnitude.
            proxy.cuts.extend(int(10 ** chance.uniform(1, 6.3)) for _ in range(chance.randint(1, 12)))
            try:
                line.ingest([contract], settings=shaky)
            except TransientError as error:
                ended[type(error).__name__] += 1
            else:
                ended["done"] += 1
            report.done += 1
        line.ingest([contract])
        line.load([contract])
        report.take(line.judge([contract]))
    report.figures |= {"ended": dict(ended), "connections cut": proxy.was_cut}
    report.expect(proxy.was_cut, "no connection was cut")
    return report


def _write(session: Connection, chance: random.Random) -> None:
    with session.cursor() as cursor:
        cursor.execute(
            "insert into customers (email, full_name, country, marketing_consent, signed_up_at)"
            " select gen_random_uuid() || '@example.com', repeat('x', 250), 'NL', true, '2026-06-01'"
            " from generate_series(1, %s)",
            (chance.randint(1, 1_500),),
        )
        cursor.execute("update customers set country = 'DE' where customer_id %% 97 = %s", (chance.randint(0, 96),))
        cursor.execute("delete from customers where customer_id %% 89 = %s", (chance.randint(0, 88),))

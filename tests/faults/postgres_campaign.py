"""Connections to Postgres that are cut at random places, run after run, while rows are written.

    report = cut_campaign(world, server_port, seed=1, runs=8)

The world is one table of `World`; the cuts come from a TCP proxy.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from pydantic import SecretStr

from ingest.contracts.model import StreamContract
from ingest.errors import TransientError
from tests.faults.patience import without_waiting
from tests.faults.tcp_proxy import tcp_proxy
from tests.ingest.runs.world import World


@dataclass
class CutReport:
    """How many connections were cut, and how the runs ended."""

    seed: int
    cut: int = 0
    done: int = 0
    failed: int = 0


def cut_campaign(world: World, contract: StreamContract, port: int, *, seed: int, runs: int) -> CutReport:
    """Run `runs` times over connections that may be cut, then once over good ones, and compare. Raises AssertionError.

    `contract` is of a table (id, value) that this fills further.
    """
    chance = random.Random(seed)
    report = CutReport(seed)
    with tcp_proxy(port) as proxy, without_waiting():
        dsn = proxy.before(world.settings.postgres_dsn.get_secret_value())
        shaky = replace(world, settings=world.settings.model_copy(update={"postgres_dsn": SecretStr(dsn)}))
        for number in range(runs):
            _write(world, chance, number)
            proxy.cuts.clear()
            # From the first bytes of a connection to the end of a long read, evenly by magnitude.
            proxy.cuts.extend(int(10 ** chance.uniform(1, 7)) for _ in range(chance.randint(1, 12)))
            try:
                shaky.run(contract)
            except TransientError:
                report.failed += 1
            else:
                report.done += 1
        report.cut = proxy.was_cut
    world.run(contract)
    world.assert_equal_to_source(contract)
    versions = [(row["id"], row["updated_at"]) for row in world.landed(contract)]
    assert len(versions) == len(set(versions)), f"seed {seed}: a version of a row was landed twice"
    return report


def _write(world: World, chance: random.Random, number: int) -> None:
    first = number * 10_000
    world.execute(
        "insert into items select g, repeat('x', 250) || g from generate_series(%s, %s) g",
        first,
        first + chance.randint(1, 5_000),
    )
    world.execute("update items set value = value || '.' where id %% 97 = %s", chance.randint(0, 96))
    world.execute("delete from items where id %% 89 = %s", chance.randint(0, 88))

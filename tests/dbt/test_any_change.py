"""Whatever changes in RAW, and whichever part of the models a run builds of it: they hold what a full refresh makes.

ANY_SEEDS=20 draws as many histories, the first by the seed in ANY_SEED, of ANY_STEPS runs. ANY_STREAMS=orders,products
and ANY_COLUMNS=status let these alone change, by which the one is found that a failure is of.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

import duckdb
import pytest

from orchestration.built.plan import plan
from tests.dbt.running.raw_database import RawDatabase
from tests.dbt.test_partial import Half, copied
from tests.dbt.world.any_change import AnyChange
from tests.dbt.world.history import live_through_a_round, open_shop

FIRST_SEED = int(os.environ.get("ANY_SEED", "1"))
SEEDS = range(FIRST_SEED, FIRST_SEED + int(os.environ.get("ANY_SEEDS", "1")))
STEPS = int(os.environ.get("ANY_STEPS", "3"))
STREAMS, COLUMNS = (tuple(filter(None, os.environ.get(name, "").split(","))) for name in ("ANY_STREAMS", "ANY_COLUMNS"))

COLUMNS_OF_TABLES = """
select schema_name, table_name, string_agg('"' || column_name || '"', ', ')
from duckdb_columns()
inner join duckdb_tables() using (database_name, schema_name, table_name)
where database_name = 'rebuilt' and schema_name in ('INTERMEDIATE', 'MART') and column_name not like '\\_%' escape '\\'
group by all
"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> tuple[datetime, Half]:
    """A shop with a past, landed and built as a whole, and its time. Copy it."""
    folder = tmp_path_factory.mktemp("opened")
    half = Half.of(RawDatabase.create(folder), folder)
    shop = open_shop(Random(7))
    shop.land(half.raw)
    live_through_a_round(shop)
    shop.land(half.raw)
    half.build(shop.now.date())
    return shop.now, half


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_any_change_leaves_what_a_full_refresh_leaves(seed: int, opened: tuple[datetime, Half], tmp_path: Path) -> None:
    """News of one stream, of some, or of all, on the same day, a later one, or the one before."""
    rng = Random(seed)
    now, half = opened[0], copied(opened[1], tmp_path)
    changes, day = AnyChange(half.raw, rng), now.date()
    for step in range(STEPS):
        built = half.built_from(half.versions, day)
        now += timedelta(hours=1)
        streams = STREAMS or rng.sample(sorted(half.raw.contracts), rng.choice((1, 3, 9, 9)))
        changes.land(streams, now, COLUMNS)
        day += timedelta(days=rng.choice((0, 0, 1, 2, -1)))
        planned = plan(built, half.present(day), whole_every=timedelta(days=1))
        half.build(day, *planned.selection(list(half.raw.contracts.values())))
        found = list(differences_from_a_full_refresh(half, day))
        assert not found, "\n".join((f"seed {seed}, step {step}, {day}: {planned}", *found, *changes.told))


def differences_from_a_full_refresh(half: Half, day: date) -> Iterator[str]:
    """By table above STAGING, less columns of state: rows that are there and should not be, and rows that should be."""
    folder = half.raw.path.with_name("rebuilt")
    folder.mkdir(exist_ok=True)
    rebuilt = copied(half, folder)
    rebuilt.dbt.succeed("run", "--full-refresh", "--exclude", "path:models/staging", BUSINESS_NOW=f"{day}T12:00:00Z")
    with duckdb.connect() as connection:
        connection.execute(f"attach '{half.raw.path}' as increment (read_only)")
        connection.execute(f"attach '{rebuilt.raw.path}' as rebuilt (read_only)")
        tables = connection.execute(COLUMNS_OF_TABLES).fetchall()
        assert len(tables) > 25
        for schema, table, columns in tables:
            has, should = (f'(select {columns} from {name}."{schema}"."{table}")' for name in ("increment", "rebuilt"))
            more, lacking = (
                connection.execute(f"{one} except all {other} limit 5").fetchall()
                for one, other in ((has, should), (should, has))
            )
            if more or lacking:
                yield f"{schema}.{table} has {more}, and should have {lacking}"

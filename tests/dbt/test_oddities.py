"""Whatever lands, every later run publishes: what is odd at the source is a warning, and no build fails of it.

ODD_SEEDS=100 draws as many histories, the first by the seed in ODD_SEED.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from ingest.contracts.model import StreamContract
from tests.dbt.conftest import MODELS_AND_DATA_TESTS
from tests.dbt.running.project import Dbt, DbtResult
from tests.dbt.running.raw_database import RawDatabase
from tests.dbt.test_incremental import assert_equals_a_full_refresh
from tests.dbt.world.odd_records import Row, odd_rows

FIRST_SEED = int(os.environ.get("ODD_SEED", "11"))
SEEDS = range(FIRST_SEED, FIRST_SEED + int(os.environ.get("ODD_SEEDS", "1")))
RUNS = ("2026-03-31T12:00:00Z", "2038-01-19T03:14:08Z", "2026-04-01T00:00:00Z")
"""The moments of the runs: the clock goes far ahead, and back."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_no_record_makes_a_later_run_fail(seed: int, raw: RawDatabase, dbt: Dbt, tmp_path: Path) -> None:
    rng = Random(seed)
    landed: dict[str, list[Row]] = {stream: [] for stream in raw.contracts}
    for moment in RUNS:
        land_oddities(raw, rng, landed)
        result = dbt.succeed("build", *MODELS_AND_DATA_TESTS, BUSINESS_NOW=moment)
        assert warned(result), "it was odd enough to be noticed"
    assert_holds_what_landed(raw, landed)
    assert_equals_a_full_refresh(raw, dbt, tmp_path / "spare.duckdb", BUSINESS_NOW=RUNS[-1])


def land_oddities(raw: RawDatabase, rng: Random, landed: dict[str, list[Row]]) -> None:
    """Land odd rows of every stream, as one run would.

    Some of the keys landed before are deleted at the source, and may be back in the next run.
    """
    now = datetime(2026, 3, 31, tzinfo=UTC) + timedelta(hours=len(landed["orders"]))
    for stream, contract in raw.contracts.items():
        rows = odd_rows(contract, rng, 40, first=len(landed[stream]) // 2)
        if contract.spec.cursor is not None and not contract.lands_keys:
            rows = as_first_landed(contract, landed[stream], rows)
        else:
            rows = never_older(contract, landed[stream], rows)
        if contract.spec.cursor is None:
            raw.land(stream, distinct(contract, rows), now, kind="snapshot")
        else:
            raw.land(stream, rows, now)
        landed[stream] += rows
        if contract.lands_keys:
            present = [row for row in distinct(contract, landed[stream]) if rng.random() < 0.9]
            raw.land_keys(stream, present, now)


def as_first_landed(contract: StreamContract, before: list[Row], rows: list[Row]) -> list[Row]:
    """Return the rows of an append-only stream, in which a repeated key repeats its first values."""
    first: dict[tuple[object, ...], Row] = {}
    for row in [*before, *rows]:
        first.setdefault(tuple(row[name] for name in contract.key), row)
    return [first[tuple(row[name] for name in contract.key)] for row in rows]


def never_older(contract: StreamContract, before: list[Row], rows: list[Row]) -> list[Row]:
    """Return the rows with cursors that do not go back for any key, because each window lies above the ones before."""
    newest: dict[tuple[object, ...], datetime] = {}
    for row in [*before, *rows]:
        key = tuple(row[name] for name in contract.key)
        cursor = contract.spec.cursor or "updated_at"
        row[cursor] = newest[key] = max(row[cursor], newest.get(key, row[cursor]))
    return rows


def distinct(contract: StreamContract, rows: list[Row]) -> list[Row]:
    """Return one row for each key: the last."""
    return list({tuple(row[name] for name in contract.key): row for row in rows}.values())


def warned(result: DbtResult) -> set[str]:
    return {name for name, status in result.statuses().items() if status == "warn"}


def assert_holds_what_landed(raw: RawDatabase, landed: dict[str, list[Row]]) -> None:
    """Check that facts have one row for each key that ever landed, whatever its date."""
    for stream, fact in (("stock_movements", "fct_stock_movements"), ("email_events", "fct_email_events")):
        [key] = raw.contracts[stream].key
        assert raw.query(f"select count(*) from MART.{fact}") == [(len({row[key] for row in landed[stream]}),)], fact

"""Three runs of the whole line, each from lake to MART, with changes in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from ingest.apart import Outcome
from ingest.contracts.types import Kind, LandingType
from orchestration.warehouse.loader import LoadResult
from tests.dbt.names import HOSTILE_NAMES, SHOWN_OTHERWISE
from tests.dbt.running.project import DbtResult
from tests.dbt.world import mailing, trade
from tests.dbt.world.history import live_far_away, live_through_a_round, open_shop
from tests.dbt.world.shop import Shop
from tests.snowflake.dbt.relations import Relation, differences
from tests.snowflake.dbt.two_warehouses import TwoWarehouses

NEWS = ("products", "orders", "order_items", "stock_levels", "stock_movements", "email_events")
"""Landed apart from the rest once, so that facts meet customers and campaigns that come late or have gone."""


@dataclass(frozen=True)
class Run:
    """One run: dbt's result in Snowflake, the differences from DuckDB after it, and the amount compared.

    `first_statement` is the number of statements that the account had received before.
    """

    first_statement: int
    result: DbtResult
    differences: Sequence[str]
    relations: int
    rows: int


@dataclass
class History:
    """The record of all runs. `refused` is why Snowflake's loader did not widen a number's scale by itself.

    `duckdb` is what DuckDB holds after the last run, by `SCHEMA.NAME`. `statements` are all statements sent to an
    emulated account.
    """

    two: TwoWarehouses
    sent: Callable[[], int] = lambda: 0
    """How many statements the account has been sent by now."""
    shop: Shop = field(default_factory=lambda: open_shop(Random(3)))
    runs: list[Run] = field(default_factory=list)
    duckdb: Mapping[str, Relation] = field(default_factory=dict)
    refused: str = ""
    statements: tuple[str, ...] = ()

    def live(self) -> None:
        """Do the first load, an incremental one, and one after the source has changed its tables."""
        live_far_away(self.shop)
        trade.add_product(self.shop)
        self.shop.tick(timedelta(hours=1).total_seconds())
        trade.add_customer(self.shop)
        self.shop.land(self.two.lake, in_flight=timedelta(minutes=15))
        self._load_and_build()

        trade.delete_product(self.shop)
        self._say_otherwise()
        # Rounds bring back what was withdrawn, and may change it: this one is away for a landing, and back as it was.
        [away] = self.shop.withdrawn
        self.shop.withdrawn.clear()
        live_through_a_round(self.shop)
        self.shop.land(self.two.lake, streams=NEWS, in_flight=timedelta(minutes=10))
        self._load_and_build()

        live_through_a_round(self.shop)
        self.shop.withdrawn.insert(0, away)
        trade.restore_product(self.shop)
        self._alter_the_source()
        self.shop.backfill(self.two.lake, "orders", 10)
        self.shop.backfill(self.two.lake, "order_items", 10)
        self.shop.land(self.two.lake)
        self._load_and_build()

    def _say_otherwise(self) -> None:
        """Events and movements are listed again, and belong to something else."""
        rng, self.shop.rng = self.shop.rng, Random(5)
        for _ in range(20):
            mailing.correct_event(self.shop)
            trade.correct_movement(self.shop)
        self.shop.rng = rng

    def _alter_the_source(self) -> None:
        lake = self.two.lake
        lake.gain("orders", "Seen at", LandingType(Kind.TIMESTAMPTZ))
        lake.widen("order_items", "unit_price", LandingType(Kind.DECIMAL, 18, 4))
        for name in (*HOSTILE_NAMES, *SHOWN_OTHERWISE):
            lake.gain("products", name, LandingType(Kind.TEXT))
        for row in self.shop.rows("orders").values():
            row["Seen at"] = row["placed_at"] + timedelta(microseconds=1)
        for row in self.shop.rows("products").values():
            row |= {name: f"{name} of {row['product_id']}" for name in (*HOSTILE_NAMES, *SHOWN_OTHERWISE)}

    def _load_and_build(self) -> None:
        lake = self.two.lake
        missed = errors_of(self.two.duckdb.load(lake))
        assert not missed, missed
        errors = errors_of(self.two.snowflake.load(lake))
        if self.runs and "order_items" in errors:
            self.refused = errors.pop("order_items")
            self.two.snowflake.reload(lake, "order_items")
        assert not errors, errors
        first_statement = self.sent()
        result = self.two.build()
        duckdb, snowflake = self.two.relations(result.manifest())
        self.duckdb = duckdb
        rows = sum(relation.rows.total() for relation in snowflake.values())
        self.runs.append(Run(first_statement, result, differences(duckdb, snowflake), len(snowflake), rows))


def errors_of(outcomes: Mapping[str, Outcome[LoadResult]]) -> dict[str, str]:
    """Return why streams were not loaded, with the hints."""
    return {stream: f"{outcome.error} {outcome.error.hint}" for stream, outcome in outcomes.items() if outcome.error}

"""The plan of a run's build, given the mark of the last publication."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from ingest.contracts.registry import ContractRegistry
from orchestration.built.holdings import Holdings
from orchestration.built.mark import Built, StreamVersion
from orchestration.built.plan import Plan, Present, checked, needs_full_refresh, plan, settled
from orchestration.warehouse.ddl import stream_tables
from orchestration.warehouse.loader import LoadResult

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAYS = (date(2026, 3, 1), date(2026, 3, 1))
CONTRACTS = ContractRegistry.load()
EVERY = timedelta(hours=24)


def version(number: int, batch: str = "") -> StreamVersion:
    return StreamVersion(version=number, batch_id=batch or f"b{number}")


STREAMS = {"campaigns": version(3), "orders": version(7), "stock_movements": version(2)}
BUILT = Built(run_id="published", project="p", days=DAYS, streams=STREAMS, whole_at=AT, files="")
PRESENT = Present("p", DAYS, STREAMS, AT)
HOLDINGS = Holdings(streams=STREAMS, replays={}, backfills={}, published_by="published")


def test_where_all_is_as_it_was_nothing_is_built() -> None:
    planned = plan(BUILT, PRESENT, whole_every=EVERY)
    assert planned.is_nothing
    assert str(planned) == "nothing"
    assert checked(planned, BUILT, HOLDINGS, []).is_nothing


def test_of_a_stream_with_news_is_built_what_reads_it_and_its_keys_and_of_a_new_day_what_knows_days() -> None:
    news = replace(PRESENT, streams=STREAMS | {"campaigns": version(4)})
    planned = plan(BUILT, news, whole_every=EVERY)
    assert planned == Plan(streams=("campaigns",))
    tables = [table.name for table in stream_tables(CONTRACTS["campaigns"], "raw")]
    assert len(tables) > 1, "the stream's own, and that of its deletions"
    assert planned.selection(list(CONTRACTS.values())) == tuple(f"source:raw.{name}+" for name in tables)
    assert not planned.is_of_another_time

    tomorrow = replace(news, days=(date(2026, 3, 1), date(2026, 3, 2)))
    planned = plan(BUILT, tomorrow, whole_every=EVERY)
    assert planned.selection(list(CONTRACTS.values()))[-1] == "tag:business_day+"
    assert planned.is_of_another_time
    assert str(planned) == "what depends on campaigns, the day"
    first = plan(BUILT, replace(PRESENT, streams=STREAMS | {"products": version(1)}), whole_every=EVERY)
    assert first.streams == ("products",)


@pytest.mark.parametrize(
    ("built", "present", "why"),
    [
        (None, PRESENT, "not known"),
        (BUILT.model_copy(update={"unfinished": "r2"}), PRESENT, "run r2 began to"),
        (BUILT, replace(PRESENT, project="q"), "others now"),
        (BUILT, replace(PRESENT, at=AT + EVERY), "last done at 2026-03-01 12:00 UTC"),
        (BUILT, replace(PRESENT, at=AT - EVERY), "last done"),
        (BUILT, replace(PRESENT, streams=STREAMS | {"orders": version(6)}), "no longer there of orders"),
        (BUILT, replace(PRESENT, streams=STREAMS | {"orders": version(7, "another")}), "no longer there of orders"),
        (BUILT, replace(PRESENT, streams={"orders": version(7)}), "no longer there of campaigns, stock_movements"),
    ],
)
def test_everything_is_built_where_the_difference_is_not_known(built: Built | None, present: Present, why: str) -> None:
    planned = plan(built, present, whole_every=EVERY)
    assert why in planned.whole
    assert not planned.is_nothing
    assert planned.selection(list(CONTRACTS.values())) == ()


def test_everything_is_built_on_a_warehouse_that_is_not_the_one_that_was_published() -> None:
    news = Plan(streams=("campaigns",))
    restored = replace(HOLDINGS, published_by="before")
    assert "not those that run published published" in checked(news, BUILT, restored, []).whole
    assert "not those that" in checked(Plan(), BUILT, replace(HOLDINGS, published_by=None), []).whole
    again = LoadResult("orders", version=8, commits=(7, 8))
    assert "RAW was behind" in checked(news, BUILT, HOLDINGS, [again]).whole
    newer = LoadResult("orders", version=9, commits=(8, 9))
    assert checked(news, BUILT, HOLDINGS, [newer, LoadResult("campaigns", version=3)]) == news


def test_streams_are_settled_where_lake_ledger_and_mark_are_at_one_version() -> None:
    assert settled(BUILT, HOLDINGS, STREAMS) == STREAMS
    others = {name: head for name, head in STREAMS.items() if name != "orders"}
    assert settled(BUILT, HOLDINGS, STREAMS | {"orders": version(8)}) == others, "the lake has more"
    assert settled(BUILT, HOLDINGS, STREAMS | {"orders": version(7, "another lake's")}) == others
    assert settled(BUILT, HOLDINGS, others) == others, "the log is damaged, or empty"
    loaded = STREAMS | {"orders": version(8)}
    assert settled(BUILT, replace(HOLDINGS, streams=loaded), loaded) == others, "loaded by a run that did not publish"
    assert settled(BUILT, replace(HOLDINGS, streams=others), STREAMS) == others, "the ledger has lost it"
    assert settled(BUILT, replace(HOLDINGS, incomplete=frozenset({"orders"})), STREAMS) == others
    assert settled(None, HOLDINGS, STREAMS) == {}


def test_a_past_that_was_changed_is_built_anew_until_it_is_published() -> None:
    """It holds whichever run loaded the change, because that run may have failed in dbt."""
    none: list[LoadResult] = []
    assert not needs_full_refresh(BUILT, HOLDINGS, none, CONTRACTS)
    assert needs_full_refresh(BUILT, replace(HOLDINGS, replays={"orders": 8}), none, CONTRACTS)
    assert not needs_full_refresh(BUILT, replace(HOLDINGS, replays={"orders": 7}), none, CONTRACTS)
    assert needs_full_refresh(BUILT, replace(HOLDINGS, backfills={"stock_movements": 3}), none, CONTRACTS)
    assert not needs_full_refresh(BUILT, replace(HOLDINGS, backfills={"orders": 8}), none, CONTRACTS)
    replayed = [LoadResult("orders", 8, (8,), reloaded=4)]
    assert needs_full_refresh(None, HOLDINGS, replayed, CONTRACTS)
    assert needs_full_refresh(BUILT, HOLDINGS, replayed, CONTRACTS), "a restored RAW loads it again"
    restored = replace(HOLDINGS, published_by="before", replays={"orders": 7})
    assert needs_full_refresh(BUILT, restored, none, CONTRACTS), "its marts may be older than the replay"
    assert not needs_full_refresh(BUILT, replace(restored, replays={}), none, CONTRACTS)
    assert not needs_full_refresh(None, HOLDINGS, [LoadResult("orders", 8, (8,), rows=4)], CONTRACTS)

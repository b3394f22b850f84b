"""The demo's output: a line for each finished part, tables within 80 columns, and plain text without a terminal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

import pytest
from rich.console import Console

from ingest.errors import TransientError
from ingest.run.context import StreamResult
from local.demo.answers import Question
from local.demo.display import Display
from local.demo.summary import (
    day_in_words,
    print_answer,
    print_reconciliation,
    print_runs,
    print_warnings,
)
from local.stack import Started
from orchestration.dbt.events import NodeFinished, NodeStarted, NodeStatus
from orchestration.reconcile.comparison import Reconciliation
from orchestration.report import RunReport, StreamOutcome
from orchestration.warehouse.answer import Answer
from orchestration.warehouse.loader import LoadResult
from postgres.activity import ActivityReport

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
WIDTH = 80


@pytest.fixture
def console() -> Console:
    return Console(file=StringIO(), width=WIDTH, highlight=False)


def written(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def node(name: str, **changes: object) -> NodeFinished:
    finished = NodeFinished(
        unique_id=f"model.dp.{name}",
        name=name,
        resource_type="model",
        materialized="table",
        status=NodeStatus.SUCCESS,
        seconds=1.25,
        started_at=NOW,
        finished_at=NOW,
    )
    return replace(finished, **changes)  # type: ignore[arg-type]


def landed(stream: str, rows: int, quarantined: int = 0) -> StreamOutcome:
    return StreamOutcome(
        stream, version=2, result=StreamResult(stream, rows_landed=rows, rows_quarantined=quarantined, seconds=0.5)
    )


def counts(stream: str, **changes: object) -> Reconciliation:
    equal = Reconciliation(
        stream=stream,
        version=2,
        source=100,
        refused=0,
        in_flight=0,
        lake=100,
        raw=100,
        staging=100,
        lake_history=130,
        raw_history=130,
    )
    return replace(equal, **changes)  # type: ignore[arg-type]


def test_each_finished_thing_has_one_line(console: Console) -> None:
    display = Display(console)

    display.started(Started("Postgres", "15, installed", 1.2))
    display.step("ingest", "9 streams")
    display.stream_started("customers")
    display.stream_read("customers", 3000)
    display.stream_finished(landed("customers", 5000, 3))
    display.step("load")
    display.loaded(LoadResult("customers", 2, commits=(1, 2), rows=5000, seconds=0.7))
    display.step("dbt")
    display.dbt_started(NodeStarted("model.dp.dim_customer", "dim_customer", "model", "table", NOW))
    display.dbt_finished(node("dim_customer", rows=5001))

    assert [" ".join(line.split()) for line in written(console).splitlines() if line] == [
        "✓ Postgres 15, installed 1.2 s",
        "Ingest: sources to lake",
        "✓ customers 3 quarantined 5,000 rows 0.5 s",
        "Load: lake to RAW",
        "✓ customers 2 versions 5,000 rows 0.7 s",
        "dbt: RAW to marts, tested",
        "✓ dim_customer table 5,001 rows 1.2 s",
    ]


def test_passed_tests_are_one_line_at_the_end_of_the_build(console: Console) -> None:
    display = Display(console)
    display.step("dbt")
    for number in range(3):
        name = f"primary_key_{number}"
        display.dbt_started(NodeStarted(f"test.dp.{name}", name, "test", "test", NOW))
        display.dbt_finished(node(name, unique_id=f"test.dp.{name}", resource_type="test", status=NodeStatus.PASS))
    assert "primary_key" not in written(console)

    display.step("reconcile")

    lines = [line.split() for line in written(console).splitlines() if "tests" in line]
    assert lines == [["✓", "3", "tests", "all", "passed", "3.8", "s"]]


def test_a_failure_is_shown_where_it_happens(console: Console) -> None:
    display = Display(console)

    display.stream_finished(StreamOutcome("orders", error=TransientError("the database is [not] reachable")))
    display.dbt_finished(
        node("not_negative", resource_type="test", status=NodeStatus.FAIL, message="Got 4 results, expected 0")
    )
    display.dbt_finished(node("dim_product", status=NodeStatus.SKIPPED))
    display.reconciled(counts("orders", raw=99))

    text = written(console)
    assert "✗ orders" in text
    assert "the database is [not] reachable" in text
    assert "Got 4 results, expected 0" in text
    assert "skipped: something that it reads failed" in text
    assert "the lake has 100 current rows, RAW 99" in text


def test_without_a_terminal_there_are_no_control_characters(console: Console) -> None:
    display = Display(console)

    with display.live("reading"):
        display.stream_started("orders")
        display.stream_finished(landed("orders", 7))

    assert "\x1b" not in written(console)
    assert "reading" not in written(console)


def test_lines_fit_80_columns(console: Console) -> None:
    display = Display(console)
    display.started(Started("Shop", "500 products, 5,000 customers, 19,903 orders", 10.6))
    display.stream_finished(landed("stock_movements", 82_523, 1_000))
    display.dbt_finished(node("int_order_lines_enriched", materialized="incremental", rows=1_234_567))

    assert max(len(line.rstrip()) for line in written(console).splitlines()) <= WIDTH


def test_runs_table_has_every_number(console: Console) -> None:
    first = RunReport(
        "1",
        1.0,
        streams=(landed("stock_movements", 82_523), landed("email_events", 19_897, 44)),
        loads=(LoadResult("stock_movements", 1, rows=82_523), LoadResult("email_events", 1, rows=19_897)),
    )
    second = RunReport("2", 1.0, streams=(landed("email_events", 1_994, 8),), loads=(LoadResult("email_events", 2),))

    print_runs(console, first, second)

    rows = [line.split() for line in written(console).splitlines()]
    assert ["email_events", "19,897", "19,897", "44", "1,994", "·", "8"] in rows
    assert ["stock_movements", "82,523", "82,523", "·", "·", "·", "·"] in rows
    assert "…" not in written(console)


def test_reconciliation_names_what_differs(console: Console) -> None:
    print_reconciliation(
        console, [counts("orders"), counts("customers", staging=98)], before=[counts("orders"), counts("customers")]
    )

    text = written(console)
    assert "equal" in next(line for line in text.splitlines() if line.startswith("orders"))
    assert "98" in next(line for line in text.splitlines() if line.startswith("customers"))
    assert "After run 1: equal for 2 of 2." in text


def test_what_is_odd_at_the_source_is_told_with_its_rows_as_it_comes_and_at_the_end(console: Console) -> None:
    what = "Oddity of the source: clicks before their send."
    odd = node("odd", resource_type="test", status=NodeStatus.WARN, failures=1_200, description=what)
    Display(console).dbt_finished(odd)
    print_warnings(console, RunReport("r", 1.0, nodes=(node("orders"),)))
    assert written(console) == f"  ! {what} 1,200 rows\n"
    print_warnings(console, RunReport("r", 1.0, nodes=(node("orders"), odd)))
    assert "Warnings of run 2" in written(console)
    assert " ".join(written(console).split()).endswith(f"1,200 {what} odd Landed as they are, and published.")


def test_answer_shows_values_as_people_read_them(console: Console) -> None:
    answer = Answer(
        columns=("sku", "list_price", "valid_from", "valid_to", "sold"),
        numeric=(False, True, False, False, True),
        rows=(("SKU-00001", Decimal("1234.50"), NOW, None, 12345),),
        more=False,
    )

    print_answer(console, Question("What does it cost?", "In euros.", ""), answer)

    assert "SKU-00001" in written(console)
    line = next(line for line in written(console).splitlines() if "SKU-00001" in line)
    assert line.split() == ["SKU-00001", "1,234.50", "2026-06-15", "12:00:00", "12,345"]


def test_the_day_is_told_in_words() -> None:
    report = ActivityReport(
        transactions=9,
        orders_placed=4,
        order_lines=8,
        lines_without_stock=0,
        orders_shipped=3,
        orders_delivered=2,
        orders_cancelled=1,
        restocks=5,
        adjustments=6,
        customers_signed_up=7,
        consents_changed=0,
        customers_erased=(1, 2),
        prices_changed=(3,),
        products_announced=(),
        products_launched=(),
        products_discontinued=(),
        products_deleted=(4,),
    )

    words = "\n".join(day_in_words(report))

    assert "4 placed, 3 shipped, 2 delivered, 1 cancelled" in words
    assert "1 prices changed" in words
    assert "2 erased" in words

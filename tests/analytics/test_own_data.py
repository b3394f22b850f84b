"""What Data quality and Runs show, counted a second time in plain Python from the records of runs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import mean

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from analytics.data import marts
from analytics.filters import Filters
from analytics.page import Page
from analytics.settings import Settings
from analytics.warehouse.duckdb_file import DuckDBFile
from tests.analytics.conftest import Open
from tests.analytics.marts import Row, Shop, record, write
from tests.analytics.runs import CHECKS, NOW, STREAMS
from tests.analytics.test_pages import words

SINCE = NOW.date() - timedelta(days=29)
PATHS = ("data-quality", "runs")
Read = Callable[..., pd.DataFrame]


@pytest.fixture
def read(warehouse: Path) -> Read:
    def frame(query: str, **values: object) -> pd.DataFrame:
        with marts(DuckDBFile(Settings.of({"WAREHOUSE_DIR": str(warehouse)}))) as found:
            return Page(found, Filters(SINCE, NOW.date())).frame(query, **values)

    return frame


@pytest.fixture
def runs(shop: Shop) -> dict[str, Row]:
    return {row["run_id"]: row for row in shop["ops_runs"]}


def checked(shop: Shop) -> list[Row]:
    """Return results of checks, the oldest first."""
    return sorted(
        (row for row in shop["ops_dbt_results"] if row["resource_type"] == "test"), key=lambda row: row["ended_at"]
    )


def recent(run: Row) -> bool:
    started: datetime = run["started_at"]
    return started.date() >= SINCE


def test_each_check_is_as_it_ran_last_in_whichever_run(read: Read, shop: Shop) -> None:
    results = checked(shop)
    recent_results = [row for row in results if row["ended_at"] >= results[-1]["ended_at"] - timedelta(days=2)]
    newest = {row["node"]: row for row in recent_results}
    ran = {row["node"]: row for row in recent_results if row["status"] != "skipped"}
    last = {node: ran.get(node, row) for node, row in newest.items()}
    left_out = {node for node, row in newest.items() if row["status"] == "skipped"}
    statuses = Counter(row["status"] for row in last.values())
    totals = read("check_totals").iloc[0]

    assert set(last) == set(CHECKS)
    assert len({row["run_id"] for row in last.values()}) > 1
    assert totals["checks"] == len(CHECKS)
    assert (totals["passed"], totals["warned"], totals["failed"]) == (
        statuses["pass"], statuses["warn"], statuses["fail"],
    )  # fmt: skip
    assert totals["left_out"] == len(left_out)
    shown = {(row.node, row.status, row.is_left_out, row.checked_at) for row in read("checks").itertuples()}
    assert shown == {
        (node, row["status"], node in left_out, row["ended_at"])
        for node, row in last.items()
        if row["status"] != "pass" or node in left_out
    }


def test_a_broken_promise_that_could_not_be_checked_again_stays_broken(
    open_page: Open, shop: Shop, tmp_path: Path
) -> None:
    """The newest run could build nothing, so every check was skipped."""
    newest = max(shop["ops_dbt_results"], key=lambda row: row["ended_at"])
    node = CHECKS[0]
    results = [
        newest | {"unique_id": node, "node": node, "resource_type": "test", "status": status, "failures": failures,
                  "ended_at": newest["ended_at"] + timedelta(minutes=number), "run_id": f"run {number}"}
        for number, (status, failures) in enumerate([("fail", 7), ("skipped", None)])
    ]  # fmt: skip
    write(tmp_path, shop.tables | {"ops_dbt_results": results}, publication=record())

    page = open_page("data-quality", tmp_path)

    assert not page.exception
    assert [metric.value for metric in page.metric][:3] == ["1", "0", "1"]
    [shown] = [frame.value for frame in page.dataframe if "compiled_path" in frame.value]
    assert list(shown["state"]) == ["promise broken, not run since"]


def test_a_day_is_what_each_check_found_last_on_it(read: Read, shop: Shop) -> None:
    last: dict[tuple[date, str], Row] = {}
    for row in checked(shop):
        if row["ended_at"].date() >= SINCE and row["status"] != "skipped":
            last[row["ended_at"].date(), row["node"]] = row
    expected: dict[date, tuple[int, int, int]] = defaultdict(lambda: (0, 0, 0))
    for (day, _), row in last.items():
        failed, warned, rows = expected[day]
        expected[day] = (
            failed + (row["status"] == "fail"), warned + (row["status"] == "warn"), rows + row["failures"],
        )  # fmt: skip
    found = {
        row.drawn_on.date(): (row.failed, row.warned, row.found_rows) for row in read("checks_over_time").itertuples()
    }
    assert found == expected
    assert len(expected) > 10


def test_runs_and_their_steps(read: Read, runs: dict[str, Row]) -> None:
    kept = [run for run in runs.values() if recent(run)]
    totals = read("run_totals").iloc[0]

    assert totals["runs"] == len(kept)
    assert totals["completed"] == sum(run["state"] == "completed" for run in kept)
    assert totals["idle"] == sum(run["is_idle"] for run in kept) > 0
    assert totals["rows_landed"] == sum(run["rows_landed"] for run in kept)
    newest_first = sorted(kept, key=lambda run: run["started_at"], reverse=True)
    assert list(read("runs")["run_id"]) == [run["run_id"] for run in newest_first]
    by_day: dict[date, list[Row]] = defaultdict(list)
    for run in kept:
        by_day[run["started_at"].date()].append(run)
    for row in read("runs_over_time").itertuples():
        took = [run["dbt_seconds"] for run in by_day[row.drawn_on.date()] if run["dbt_seconds"] is not None]
        assert (row.dbt_seconds if took else 0) == pytest.approx(mean(took) if took else 0)
        assert row.rows_loaded == sum(run["rows_loaded"] for run in by_day[row.drawn_on.date()])


def test_the_slowest_nodes(read: Read, shop: Shop, runs: dict[str, Row]) -> None:
    seconds: dict[str, list[float]] = defaultdict(list)
    for row in shop["ops_dbt_results"]:
        if recent(runs[row["run_id"]]) and row["status"] != "skipped":
            seconds[row["node"]].append(row["execution_seconds"])
    found = read("slowest_nodes")

    assert list(found["node"]) == sorted(seconds, key=lambda node: -mean(seconds[node]))
    for row in found.itertuples():
        assert (row.mean_seconds, row.max_seconds) == pytest.approx((mean(seconds[row.node]), max(seconds[row.node])))


def test_counts_are_those_of_the_newest_run_of_each_stream(read: Read, shop: Shop, runs: dict[str, Row]) -> None:
    newest, rows = newest_first(shop["ops_reconciliations"], runs)
    expected = Counter((row["stream"], row["raw_rows"]) for row in rows if newest[row["stream"]] == row["run_id"])
    found = read("reconciliations")[["stream", "raw_rows"]]
    assert Counter(found.itertuples(index=False, name=None)) == expected


def test_quarantine_is_what_the_newest_run_found_open_and_all_that_is_settled(
    read: Read, shop: Shop, runs: dict[str, Row]
) -> None:
    newest, rows = newest_first(shop["ops_quarantine"], runs)
    shown: dict[tuple[str, int], Row] = {}
    for row in rows:
        shown.setdefault((row["stream"], row["version"]), row)
    expected = Counter(
        (*place, row["open_records"])
        for place, row in shown.items()
        if row["state"] == "settled" or newest[row["stream"]] == row["run_id"]
    )
    found = read("quarantine")[["stream", "version", "open_records"]]
    assert Counter(found.itertuples(index=False, name=None)) == expected
    assert len(expected) < len(shown)


def newest_first(table: list[Row], runs: dict[str, Row]) -> tuple[dict[str, str], list[Row]]:
    """Return the newest run with rows of each stream, and the rows in that order."""
    rows = sorted(table, key=lambda row: runs[row["run_id"]]["ended_at"], reverse=True)
    newest: dict[str, str] = {}
    for row in rows:
        newest.setdefault(row["stream"], row["run_id"])
    return newest, rows


def test_a_schema_change_is_there_while_the_newest_run_finds_it(read: Read, shop: Shop, runs: dict[str, Row]) -> None:
    last = max(run["ended_at"] for run in runs.values() if run["ingest_seconds"] is not None)
    seen: dict[str, list[datetime]] = defaultdict(list)
    for row in shop["ops_schema_changes"]:
        if runs[row["run_id"]]["ended_at"].date() >= SINCE:
            seen[row["stream"]].append(runs[row["run_id"]]["ended_at"])
    found = {row.stream: (row.first_seen, row.last_seen, row.is_there) for row in read("schema_changes").itertuples()}

    assert found == {stream: (min(at), max(at), max(at) >= last) for stream, at in seen.items()}
    assert set(found) <= set(STREAMS)


def test_freshness_is_judged_by_the_present(open_page: Open, warehouse: Path) -> None:
    page = open_page("data-quality", warehouse)
    [shown] = [frame.value for frame in page.dataframe if "fresh_until" in frame.value]

    states = dict(zip(shown["subject"], shown["state"], strict=True))
    assert states == {"orders": "fresh", "campaigns": "stale", "fct_orders": "stale", "dim_date": "not judged"}
    assert "2 of 4 are older than their contract allows" in words(page)


def test_a_run_is_shown_in_detail(open_page: Open, warehouse: Path, shop: Shop) -> None:
    page = open_page("runs", warehouse)
    failed = [row["run_id"] for row in shop["ops_runs"] if row["state"] == "failed"][-1]

    page.selectbox(key="run").set_value(failed).run()

    assert not page.exception
    [streams] = [frame.value for frame in page.dataframe if "watermark" in frame.value]
    assert (streams["stream"].iloc[0], streams["state"].iloc[0]) == ("orders", "failed")
    [nodes] = [frame.value for frame in page.dataframe if "row_count" in frame.value]
    assert (nodes["node"].iloc[0], nodes["status"].iloc[0]) == (CHECKS[0], "fail")


@pytest.mark.parametrize("path", PATHS)
def test_marts_without_records_of_runs_are_a_sentence(open_page: Open, shop: Shop, tmp_path: Path, path: str) -> None:
    tables = {name: rows for name, rows in shop.tables.items() if not name.startswith("ops_")}
    write(tmp_path, tables, publication=record())

    page = open_page(path, tmp_path)

    assert not page.exception
    assert not page.warning
    assert "no records of runs yet: the next run writes them" in words(page)


@pytest.mark.parametrize("path", PATHS)
def test_no_record_yet_is_a_sentence(open_page: Open, shop: Shop, tmp_path: Path, path: str) -> None:
    write(tmp_path, {name: [] for name in shop.tables}, publication=record())

    page = open_page(path, tmp_path)

    assert not page.exception
    assert "No run has been recorded yet" in words(page)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("state", ["failed", "crashed", "refused"])
def test_only_runs_that_did_not_complete(open_page: Open, shop: Shop, tmp_path: Path, path: str, state: str) -> None:
    """There are no marts either, because nothing was ever published."""
    bad = [row for row in shop["ops_runs"] if row["state"] == state][-3:]
    names = {row["run_id"] for row in bad}
    tables = {
        name: [row for row in rows if row["run_id"] in names]
        for name, rows in shop.tables.items()
        if name.startswith("ops_")
    }
    write(tmp_path, tables)

    page = open_page(path, tmp_path)

    assert not page.exception
    assert not page.warning
    if path == "runs":
        assert page.metric[0].value == state


def test_runs_of_long_ago_are_not_shown_as_of_now(
    open_page: Open, warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics.clock.now", lambda: NOW + timedelta(days=300))

    page = open_page("runs", warehouse)

    assert not page.exception
    assert "No run began in the last 30 days" in words(page)


def test_the_filters_of_other_pages_are_kept_meanwhile(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_DIR", str(warehouse))
    script = (
        "import streamlit as st\nfrom analytics.app import PAGES, draw\n"
        "draw(next(entry for entry in PAGES if entry.path == st.session_state.get('shown', 'overview')))"
    )
    page = AppTest.from_string(script, default_timeout=60).run()
    page.multiselect(key="country").select("NL").run()
    page.selectbox(key="period").set_value("90 days").run()

    for shown in ("runs", "data-quality", "overview"):
        page.session_state["shown"] = shown
        page.run()

    assert not page.exception
    assert page.multiselect(key="country").value == ["NL"]
    assert page.selectbox(key="period").value == "90 days"

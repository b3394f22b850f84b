"""The page on runs: the outcome of each run, its steps' durations, landed and loaded rows, and the slowest
dbt nodes.
"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from analytics import charts, formats
from analytics.cards import figures, totals
from analytics.charts import AMBER, BLUE, GREEN, GREY, RED, VIOLET
from analytics.metrics import Unit
from analytics.page import Page, part
from analytics.views.data_quality import recorded, table

_STEPS = {
    "ingest_seconds": ("Ingest", BLUE),
    "wait_seconds": ("Wait", GREY),
    "load_seconds": ("Load", GREEN),
    "dbt_seconds": ("dbt", VIOLET),
    "reconcile_seconds": ("Reconcile", AMBER),
    "publish_seconds": ("Publish", RED),
}
_DRAWN_RUNS = 60
_LISTED_RUNS = 1000
"""`runs.sql` has no more."""
_MOMENT_LENGTH = len("29 Nov 16:38")


def show(page: Page) -> None:
    """Draw the page."""
    if not recorded(page):
        return
    with part():
        runs = page.frame("runs")
        _cards(page, runs)
        _steps_by_run(runs)
    left, right = st.columns(2)
    with left, part():
        charts.over_time(
            page.frame("runs_over_time"), "Steps", "Seconds, in the mean of the day's runs, over 30 days",
            Unit.SECONDS, _STEPS,
        )  # fmt: skip
    with right, part():
        charts.over_time(
            page.frame("runs_over_time"), "Rows landed and loaded", "Rows a day, over 30 days", Unit.COUNT,
            {"rows_landed": ("Landed", BLUE), "rows_loaded": ("Loaded", GREEN)},
        )  # fmt: skip
    with part():
        slowest = page.frame("slowest_nodes")
        charts.ranked(
            slowest, "Slowest models and checks", "Seconds, in the mean of the runs of 30 days", Unit.SECONDS, "node",
            {"mean_seconds": ("Mean", VIOLET)},
        )  # fmt: skip
    with part():
        _list(runs)
        _one(page, runs)


def _cards(page: Page, runs: pd.DataFrame) -> None:
    found = totals(page.frame("run_totals").drop(columns="published_at"))
    count, completed = found.get("runs") or 0, found.get("completed") or 0
    newest = str(runs["state"].iloc[0]) if len(runs) else formats.NOTHING
    figures(
        {
            "Newest run": (newest, "How the run ended that began last."),
            "Completed": (
                formats.number(completed / count if count else None, Unit.SHARE),
                f"Of {count:,.0f} runs of 30 days; {found.get('idle') or 0:,.0f} found nothing new.",
            ),
            "Rows landed": (formats.number(found.get("rows_landed"), Unit.COUNT), "In the lake, in 30 days."),
            "Rows loaded": (formats.number(found.get("rows_loaded"), Unit.COUNT), "In RAW, in 30 days."),
        }
    )


def _steps_by_run(runs: pd.DataFrame) -> None:
    """Draw the newest runs side by side, the oldest of them first."""
    drawn = runs.head(_DRAWN_RUNS).iloc[::-1]
    charts.stacked(
        drawn.assign(run=_named(drawn)), "Steps of the newest runs", "Seconds, run by run", Unit.SECONDS, "run", _STEPS,
        label_length=_MOMENT_LENGTH,
    )  # fmt: skip


def _named(runs: pd.DataFrame) -> list[str]:
    """Return a label for each run: its start and its name, because two runs may have begun within one minute."""
    return [f"{started:%d %b %H:%M} {name}" for started, name in zip(runs["started_at"], runs["run_name"], strict=True)]


def _list(runs: pd.DataFrame) -> None:
    column = st.column_config
    seconds = {name: column.NumberColumn(f"{label} (s)", format="%,.1f") for name, (label, _) in _STEPS.items()}
    listed = "Runs of 30 days" if len(runs) < _LISTED_RUNS else "The newest runs of 30 days"
    table(
        listed, runs, "No run began in the last 30 days.",
        {
            "state": column.TextColumn("State"),
            "run_name": column.TextColumn("Run", pinned=True),
            "started_at": column.DatetimeColumn("Began (UTC)", format="D MMM YYYY, HH:mm:ss"),
            "run_seconds": column.NumberColumn("All (s)", format="%,.1f"),
            "rows_landed": column.NumberColumn("Landed", format="%,d"),
            "rows_quarantined": column.NumberColumn("Refused", format="%,d"),
            "rows_loaded": column.NumberColumn("Loaded", format="%,d"),
            "dbt_failed": column.NumberColumn("Failed nodes", format="%,d"),
            "dbt_warned": column.NumberColumn("Warnings", format="%,d"),
            "streams_failed": column.NumberColumn("Failed streams", format="%,d"),
            "streams_unequal": column.NumberColumn("Unequal streams", format="%,d"),
            "published_at": column.DatetimeColumn("Published (UTC)", format="D MMM YYYY, HH:mm:ss"),
            "problem": column.TextColumn("Problem", width="large"),
            **seconds,
        },
    )  # fmt: skip


def _one(page: Page, runs: pd.DataFrame) -> None:
    """Draw a chosen run, stream by stream and node by node."""
    names = dict(zip(runs["run_id"], _named(runs), strict=True))
    if not names:
        return
    chosen = st.selectbox("A run in detail", list(names), format_func=lambda key: names.get(key, key), key="run")
    column = st.column_config
    table(
        "Its streams", page.frame("run_streams", run_id=chosen), "This run landed and loaded no stream.",
        {
            "state": column.TextColumn("State"),
            "stream": column.TextColumn("Stream"),
            "rows_landed": column.NumberColumn("Landed", format="%,d"),
            "rows_quarantined": column.NumberColumn("Refused", format="%,d"),
            "rows_loaded": column.NumberColumn("Loaded", format="%,d"),
            "ingest_seconds": column.NumberColumn("Ingest (s)", format="%,.1f"),
            "load_seconds": column.NumberColumn("Load (s)", format="%,.1f"),
            "watermark": column.DatetimeColumn("Watermark (UTC)", format="D MMM YYYY, HH:mm:ss"),
            "watermark_lag_seconds": column.NumberColumn("Lag (s)", format="%,.0f"),
            "blocker": column.TextColumn("Held up by", width="medium"),
            "problem": column.TextColumn("Problem", width="large"),
        },
    )  # fmt: skip
    table(
        "Its models and checks", page.frame("run_nodes", run_id=chosen), "This run did not reach dbt.",
        {
            "status": column.TextColumn("State"),
            "node": column.TextColumn("Node", width="medium"),
            "resource_type": column.TextColumn("Kind"),
            "execution_seconds": column.NumberColumn("Seconds", format="%,.2f"),
            "row_count": column.NumberColumn("Rows", format="%,d"),
            "failures": column.NumberColumn("Found", format="%,d"),
            "message": column.TextColumn("Message", width="large"),
            "compiled_path": column.TextColumn("Where to look", width="medium"),
        },
        caption="What failed or warned first, then what took longest; 100 at most.",
    )  # fmt: skip

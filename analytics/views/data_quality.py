"""The page on data quality: last results of the checks, freshness of the marts, refused records, schema changes."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from analytics import charts, clock, formats
from analytics.cards import figures, totals
from analytics.charts import AMBER, BLUE, RED
from analytics.metrics import Unit
from analytics.page import Page, part
from analytics.warehouse.source import Incomplete

_STATES = {"warn": "oddity of the source", "skipped": "not run", "pass": "not run", "fail": "promise broken"}
"""Of checks that are shown: one that passed is, where it was left out since."""
NO_RECORDS = "The published marts have no records of runs yet: the next run writes them."
NO_RUN = "No run has been recorded yet."


def show(page: Page) -> None:
    """Draw the page."""
    if not recorded(page):
        return
    with part():
        _cards(page)
    with part():
        _checks(page)
    left, right = st.columns(2)
    with left, part():
        charts.over_time(
            page.frame("checks_over_time"), "Checks that did not pass",
            "Checks, by their last result of the day, over 30 days", Unit.COUNT,
            {"failed": ("Promises broken", RED), "warned": ("Oddities of the source", AMBER)},
        )  # fmt: skip
    with right, part():
        charts.over_time(
            page.frame("checks_over_time"), "Rows that checks found",
            "Rows, by the last result of the day, over 30 days", Unit.COUNT, {"found_rows": ("Rows", BLUE)},
        )  # fmt: skip
    with part():
        _freshness(page)
    with part():
        _quarantine(page)
    with part():
        _schema_changes(page)
    with part():
        _reconciliations(page)


def recorded(page: Page) -> bool:
    """Return whether the platform has recorded any run. If not, the page says so."""
    try:
        runs = page.marts.frame("recorded_runs")["runs"].iloc[0]
    except Incomplete:
        charts.nothing("Nothing is known of runs", NO_RECORDS)
        return False
    if not runs:
        charts.nothing("Nothing is known of runs", NO_RUN)
    return bool(runs)


def table(title: str, frame: pd.DataFrame, empty: str, columns: dict[str, object], *, caption: str = "") -> None:
    """Draw rows in a card, with only the `columns`, in their order. `empty` is the text if there are no rows."""
    if frame.empty:
        charts.nothing(title, empty)
        return
    with st.container(border=True):
        st.markdown(f"**{title}** &nbsp; {len(frame):,}")
        if caption:
            st.caption(caption)
        st.dataframe(
            frame, hide_index=True, placeholder=formats.NOTHING, height="content" if len(frame) <= 12 else 420,
            column_order=list(columns), column_config=columns,
        )  # fmt: skip


def _cards(page: Page) -> None:
    found = totals(page.frame("check_totals").drop(columns="checked_at"))
    checks = int(found.get("checks") or 0)
    figures(
        {
            "Promises broken": (_whole(found, "failed"), f"Of {checks:,} checks, each as it ran last."),
            "Oddities found": (_whole(found, "warned"), "Checks of the source that found rows; they stop nothing."),
            "Checks not run": (
                _whole(found, "left_out"),
                "When they were last due, what they check could not be built.",
            ),
            "Records refused": (_open_records(page), "Records in quarantine that are still missing in the lake."),
        }
    )


def _whole(found: dict[str, float | None], name: str) -> str:
    return formats.number(found.get(name), Unit.COUNT)


def _open_records(page: Page) -> str:
    try:
        return formats.number(float(page.frame("quarantine")["open_records"].sum()), Unit.COUNT)
    except Incomplete:
        return formats.NOTHING


def _checks(page: Page) -> None:
    found = page.frame("checks")
    found = found.assign(
        state=[
            _state(str(status), left_out)
            for status, left_out in zip(found["status"], found["is_left_out"], strict=True)
        ]
    )
    column = st.column_config
    table(
        "What did not pass", found, "Every check passed when it ran last.",
        {
            "state": column.TextColumn("State"),
            "node": column.TextColumn("Check", width="medium"),
            "failures": column.NumberColumn("Rows", format="%,d"),
            "checked_at": column.DatetimeColumn("Checked (UTC)", format="D MMM YYYY, HH:mm"),
            "description": column.TextColumn("What it checks", width="medium"),
            "compiled_path": column.TextColumn("Where to look", width="medium"),
            "message": column.TextColumn("Message", width="medium"),
        },
        caption='The SQL under "Where to look" selects the rows: `make inspect SQL="$(cat FILE)"`, as an operator.',
    )  # fmt: skip


def _state(status: str, left_out: bool) -> str:
    """Return the last status of a check in words, with a remark if it could not run since."""
    said = _STATES.get(status, f"promise broken ({status})")
    return f"{said}, not run since" if left_out and status not in ("pass", "skipped") else said


def _freshness(page: Page) -> None:
    found, now = page.frame("freshness"), clock.now()
    found = found.assign(
        state=[_freshness_of(moment, now) for moment in found["fresh_until"]],
        age_hours=[_hours(now - moment) if pd.notna(moment) else None for moment in found["read_until"]],
        allowed_hours=found["allowed_age_seconds"].astype(float) / 3600,
    )
    column = st.column_config
    stale = int((found["state"] == "stale").sum())
    table(
        "Freshness", found, "No stream has been judged yet.",
        {
            "subject_type": column.TextColumn("What"),
            "subject": column.TextColumn("Name", width="medium"),
            "state": column.TextColumn("State"),
            "age_hours": column.NumberColumn("Age (h)", format="%,.1f"),
            "allowed_hours": column.NumberColumn("Allowed (h)", format="%,.1f"),
            "read_until": column.DatetimeColumn("Read until (UTC)", format="D MMM YYYY, HH:mm"),
            "fresh_until": column.DatetimeColumn("Fresh until (UTC)", format="D MMM YYYY, HH:mm"),
            "limiting_stream": column.TextColumn("Due first"),
        },
        caption=f"{stale} of {len(found)} are older than their contract allows. A mart is as fresh as the stream "
        "behind it that is due first.",
    )  # fmt: skip


def _freshness_of(fresh_until: pd.Timestamp, now: datetime) -> str:
    if pd.isna(fresh_until):
        return "not judged"
    return "stale" if fresh_until < now else "fresh"


def _hours(age: pd.Timedelta) -> float:
    return float(age.total_seconds()) / 3600


def _quarantine(page: Page) -> None:
    column = st.column_config
    table(
        "Quarantine", page.frame("quarantine"), "Nothing was refused.",
        {
            "state": column.TextColumn("State"),
            "stream": column.TextColumn("Stream"),
            "open_records": column.NumberColumn("Open", format="%,d"),
            "records": column.NumberColumn("Refused", format="%,d"),
            "reason": column.TextColumn("Reason", width="large"),
            "version": column.NumberColumn("Version", format="%d"),
        },
        caption="`ingest quarantine show STREAM` has the records; `retry` lands them once they can be read.",
    )  # fmt: skip


def _schema_changes(page: Page) -> None:
    found = page.frame("schema_changes")
    found = found.assign(state=["open" if is_there else "gone" for is_there in found["is_there"]])
    column = st.column_config
    table(
        "Schema changes", found, "In 30 days no source differed from its contract.",
        {
            "state": column.TextColumn("State"),
            "severity": column.TextColumn("Severity"),
            "stream": column.TextColumn("Stream"),
            "subject": column.TextColumn("What"),
            "kind": column.TextColumn("Kind"),
            "expected": column.TextColumn("Contract"),
            "found": column.TextColumn("Source"),
            "remark": column.TextColumn("What becomes of it", width="medium"),
            "accept_command": column.TextColumn("To accept it", width="medium"),
            "first_seen": column.DatetimeColumn("First seen (UTC)", format="D MMM YYYY, HH:mm"),
            "last_seen": column.DatetimeColumn("Last seen (UTC)", format="D MMM YYYY, HH:mm"),
        },
    )  # fmt: skip


def _reconciliations(page: Page) -> None:
    found = page.frame("reconciliations")
    found = found.assign(
        state=[
            "unequal" if not equal else "equal" if compared else "equal from the lake on"
            for equal, compared in zip(found["is_equal"], found["is_compared"], strict=True)
        ]
    )
    column = st.column_config
    table(
        "Reconciliation", found, "No stream has been counted yet.",
        {
            "state": column.TextColumn("State"),
            "stream": column.TextColumn("Stream"),
            "source_rows": column.NumberColumn("Source", format="%,d"),
            "refused_rows": column.NumberColumn("Refused", format="%,d"),
            "lake_rows": column.NumberColumn("Lake", format="%,d"),
            "raw_rows": column.NumberColumn("RAW", format="%,d"),
            "staging_rows": column.NumberColumn("Staging", format="%,d"),
            "note": column.TextColumn("Note", width="large"),
            "ended_at": column.DatetimeColumn("Counted (UTC)", format="D MMM YYYY, HH:mm"),
        },
        caption="Rows of each stream, as its last run counted them.",
    )  # fmt: skip

"""Draws every page over the marts, in the pages' own environment and without a browser, and records the time it took.

<.venv-analytics>/bin/python -m bench.programs.pages RESULT.json

WAREHOUSE_DIR names the marts. Each page is opened, then its filters are changed one after the other.
The cache answers only the lists that filters choose from, because no query is repeated.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Selectbox

from analytics.app import PAGES
from analytics.data import Marts

_CHANGES: Mapping[str, Mapping[str, object]] = {
    "opened": {},
    "a year": {"period": "Year"},
    "a country": {"country": ["NL"]},
    "a category": {"country": [], "category": ["category 3"]},
    "campaigns": {"category": [], "campaign": ["campaign-399", "campaign-400"]},
    "all days": {"campaign": [], "period": "Own range", "days": (date(2026, 1, 1), date(2027, 12, 31))},
}
"""Filters of all pages, one after the other; the days are those of marts.sql."""
_OF_ONE_PAGE: Mapping[str, tuple[str, str, int]] = {
    "stock": ("a warehouse", "warehouse", 3),
    "price-history": ("a product", "product", 7),
    "runs": ("a run", "run", 5),
}
"""What is chosen on one page alone: what it is called, the widget's key, the place in its list."""
_OWN_DATA = ("data-quality", "runs")
"""Pages without filters."""


def _changes(path: str) -> Mapping[str, Callable[[AppTest], None]]:
    """Return the changes to make on a page, one after the other."""
    common = {"opened": {}} if path in _OWN_DATA else _CHANGES
    changes = {change: _filtering(choice) for change, choice in common.items()}
    if path in _OF_ONE_PAGE:
        change, key, place = _OF_ONE_PAGE[path]
        changes[change] = _picking(key, place)
    return changes


def _filtering(choice: Mapping[str, object]) -> Callable[[AppTest], None]:
    def change(page: AppTest) -> None:
        for key, value in choice.items():
            page.session_state[key] = value

    return change


def _picking(key: str, place: int) -> Callable[[AppTest], None]:
    def change(page: AppTest) -> None:
        [widget] = [item for item in (*page.selectbox, *page.multiselect) if item.key == key]
        widget.select_index(place) if isinstance(widget, Selectbox) else widget.select(widget.options[place])

    return change


def main() -> None:
    """Write the result: a list of drawings, each with its page, the change, the seconds and the slowest query."""
    asked: list[tuple[float, str]] = []
    frame = Marts.frame

    def timed(marts: Marts, query: str, values: Mapping[str, object] | None = None) -> Any:
        started = perf_counter()
        rows = frame(marts, query, values)
        asked.append((perf_counter() - started, query))
        return rows

    setattr(Marts, "frame", timed)  # noqa: B010 - a method, for the time of this program
    looks: list[dict[str, object]] = []
    for entry in PAGES:
        st.cache_data.clear()
        page = AppTest.from_string(
            f"from analytics.app import PAGES, draw\ndraw(next(page for page in PAGES if page.path == {entry.path!r}))",
            default_timeout=120,
        )
        for change, choice in _changes(entry.path).items():
            choice(page)
            asked.clear()
            started, cpu = perf_counter(), process_time()
            page.run()
            seconds, cpu = perf_counter() - started, process_time() - cpu
            if page.exception or page.warning:
                said = [item.value for item in (*page.exception, *page.warning)]
                raise SystemExit(f"{entry.title}, {change}: {said}")
            slowest, query = max(asked)
            looks.append(
                {"page": entry.title, "change": change, "wall_seconds": seconds, "cpu_seconds": cpu,
                 "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                 "slowest_query_seconds": slowest, "slowest_query": query, "is_first": not looks}
            )  # fmt: skip
    Path(sys.argv[1]).write_text(json.dumps(looks), encoding="utf-8")


if __name__ == "__main__":
    main()

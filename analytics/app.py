"""The entry of the page: `python -m analytics` runs it.

Every page shows at the top which publication its figures are from. If a look costs nothing, an open page looks every
few seconds whether there is a newer publication, and is then drawn again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pandas as pd
import streamlit as st
from PIL import Image, ImageDraw

# Streamlit runs this file as a script, so the package must be found from the parent folder.
if str(Path(__file__).parents[1]) not in sys.path:
    sys.path.insert(0, str(Path(__file__).parents[1]))

from analytics import clock, formats
from analytics.charts import BLUE
from analytics.data import Marts, marts
from analytics.filters import Filters, choose, keep_choice
from analytics.page import Page, say
from analytics.settings import Settings
from analytics.views import campaigns, data_quality, list_health, overview, price_history, runs, sales, stock
from analytics.warehouse.choice import open_source
from analytics.warehouse.source import Incomplete, Republished, Source, Unavailable

_LOOK_EVERY_SECONDS = 5
_TRIES = 3


@dataclass(frozen=True)
class _Entry:
    title: str
    icon: str
    path: str
    show: Callable[[Page], None]
    of_business: bool = True
    """Whether it is of the period, campaigns, categories and countries that are chosen; else of the last 30 days."""


PAGES = (
    _Entry("Overview", ":material/monitoring:", "overview", overview.show),
    _Entry("Campaigns", ":material/campaign:", "campaigns", campaigns.show),
    _Entry("List health", ":material/health_and_safety:", "list-health", list_health.show),
    _Entry("Sales", ":material/shopping_cart:", "sales", sales.show),
    _Entry("Stock", ":material/inventory_2:", "stock", stock.show),
    _Entry("Price history", ":material/price_change:", "price-history", price_history.show),
    _Entry("Data quality", ":material/fact_check:", "data-quality", data_quality.show, of_business=False),
    _Entry("Runs", ":material/history:", "runs", runs.show, of_business=False),
)


@st.cache_resource(show_spinner=False)
def _source(settings: Settings) -> Source:
    return open_source(settings)


def draw(entry: _Entry) -> None:
    """Draw one page: its title, the publication, the filters, its parts; or the reason why there is nothing to show."""
    st.title(entry.title, anchor=False)
    for _ in range(_TRIES):
        try:
            source = _source(Settings.of(os.environ))
            with marts(source) as published:
                _header(published)
                _look_for_newer(source, published.publication_id)
                entry.show(Page(published, choose(published) if entry.of_business else _last_days()))
        except Republished:
            st.rerun()
        except Unavailable as problem:
            say(problem)
        return


def _last_days() -> Filters:
    """Return filters for the 30 days up to today. The choice for other pages is kept."""
    keep_choice()
    today = clock.now().date()
    return Filters(today - timedelta(days=29), today)


def _header(published: Marts) -> None:
    """Draw the publication's time and run, and whether all streams were equal."""
    try:
        record = published.frame("publication")
    except Incomplete:
        record = pd.DataFrame()
    if record.empty:
        st.caption(":orange-badge[:material/warning: unknown run] These marts do not say which run published them.")
        return
    row = record.iloc[0]
    as_of, published_at = pd.Timestamp(row["business_time"]), pd.Timestamp(row["published_at"])
    streams, equal = int(row["streams"]), int(row["streams_equal"])
    notes = []
    if equal == streams:
        state = f":green-badge[:material/check: all {streams} streams equal to the source]"
    else:
        # As a rule a run does not count every source: the schedule counts them once in COMPARE_EVERY_HOURS.
        badge = ":orange-badge[:material/warning:" if row["failed_streams"] else ":blue-badge[:material/check:"
        state = f"{badge} no difference found, {equal} of {streams} streams compared with the source]"
        if row["uncounted_streams"]:
            notes.append(f"Equal from the lake on, not counted at the source by this run: {row['uncounted_streams']}.")
        if row["failed_streams"]:
            notes.append(f"Nothing new was landed of: {row['failed_streams']}.")
    st.caption(
        f"Data as of **{formats.day(as_of)}, {as_of:%H:%M} UTC** &nbsp;·&nbsp; "
        f"published {formats.day(published_at)}, {published_at:%H:%M} UTC by run `{row['run_id']}` &nbsp; {state}"
    )
    for note in notes:
        st.caption(note)


def _look_for_newer(source: Source, shown: str) -> None:
    if not source.polls:
        return

    @st.fragment(run_every=_LOOK_EVERY_SECONDS)
    def look() -> None:
        try:
            newer = source.publication_id() != shown
        except Unavailable:
            # The shown page stays. The next click reports the fault.
            newer = False
        if newer:
            st.rerun()

    look()


def _icon() -> Image.Image:
    """Return the icon of the browser's tab.

    It is drawn here, because a symbol's name would be fetched from another host.
    """
    icon = Image.new("RGBA", (64, 64))
    draw_on = ImageDraw.Draw(icon)
    for position, height in enumerate((22, 38, 54)):
        left = 6 + position * 19
        draw_on.rounded_rectangle((left, 60 - height, left + 13, 60), radius=4, fill=BLUE)
    return icon


def main() -> None:
    """Draw the navigation and the open page."""
    st.set_page_config(page_title="Mailblaze analytics", page_icon=_icon(), layout="wide")

    def opened(entry: _Entry) -> Callable[[], None]:
        return lambda: draw(entry)

    chosen = st.navigation(
        [
            st.Page(opened(entry), title=entry.title, icon=entry.icon, url_path=entry.path, default=entry is PAGES[0])
            for entry in PAGES
        ]
    )
    chosen.run()


if __name__ == "__main__":
    main()

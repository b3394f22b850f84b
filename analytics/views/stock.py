"""The page on stock: units in each warehouse, days of supply, and products that have run out."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from analytics import charts, formats
from analytics.cards import cards, totals
from analytics.charts import AMBER, BLUE, GREEN, RED, VIOLET
from analytics.metrics import Unit
from analytics.page import Page, part

COLOURS = (BLUE, GREEN, AMBER, VIOLET, RED, "#4296c6", "#a98b1d", "#5a9140", "#b0603f", "#6b7a90")
_CARDS = ("closing_quantity", "stock_value", "stock_outs", "below_reorder_point")


def show(page: Page) -> None:
    """Draw the page."""
    chosen = _warehouses(page)
    values: dict[str, object] = {"every_warehouse": 0 if chosen else 1, "warehouses": chosen}
    if page.filters.campaigns or page.filters.countries:
        st.caption("Stock lies there for all: campaigns and countries filter nothing on this page.")
    with part():
        _cards(page, values)
    with part():
        _over_time(page, values)
    left, right = st.columns(2)
    with left, part():
        charts.ranked(
            page.frame("cover_by_warehouse", **values), "Days of cover",
            "Days, stock at the end of the period by units sold a day over 28 days", Unit.DAYS, "warehouse",
            {"days_of_cover": ("Days of cover", GREEN)},
        )  # fmt: skip
    with right, part():
        charts.ranked(
            page.frame("cover_by_warehouse", **values), "Out of stock", "Products, at the end of the period",
            Unit.COUNT, "warehouse", {"stock_outs": ("Out of stock", RED)},
        )  # fmt: skip
    with part():
        _table(page.frame("stock_cover", **values))


def _warehouses(page: Page) -> tuple[str, ...]:
    with part():
        found = page.marts.frame("warehouses")
        names = {
            key: f"{code}, {city}" if city else str(code)
            for key, code, city in zip(found["warehouse_key"], found["warehouse"], found["city"], strict=True)
        }
        return tuple(
            st.multiselect(
                "Warehouses",
                list(names),
                format_func=lambda key: names.get(key, key),
                key="warehouse",
                placeholder="All warehouses",
                bind="query-params",
            )
        )
    return ()


def _cards(page: Page, values: dict[str, object]) -> None:
    """Draw the figures at the end of the period, against the end of the preceding period."""
    now = page.frame("stock_totals", **values).drop(columns="inventory_date")
    before = page.before("stock_totals", **values).drop(columns="inventory_date")
    cards(_CARDS, totals(now), totals(before), page.filters)


def _over_time(page: Page, values: dict[str, object]) -> None:
    frame = page.frame("stock_over_time", **values)
    title, unit = "Stock by warehouse", f"Units at the end of the {page.filters.grain}"
    if frame.empty:
        charts.nothing(title, "No stock is known for this period, under these filters.")
        return
    wide = frame.pivot_table(index="drawn_on", columns="warehouse", values="closing_quantity", aggfunc="sum")
    largest = list(wide.iloc[-1].sort_values(ascending=False).index[: len(COLOURS)])
    series = {str(name): (str(name), colour) for name, colour in zip(sorted(largest), COLOURS, strict=False)}
    charts.over_time(wide.reset_index(), title, unit, Unit.COUNT, series)


def _table(cover: pd.DataFrame) -> None:
    title = "What runs out first"
    if cover.empty:
        charts.nothing(title, "Nothing is out of stock, and nothing was sold in the 28 days before.")
        return
    column = st.column_config
    with st.container(border=True):
        st.markdown(f"**{title}**")
        st.caption("By warehouse and product: first what is out of stock, then by days of cover.")
        st.dataframe(
            cover,
            hide_index=True,
            placeholder=formats.NOTHING,
            height="content" if len(cover) <= 12 else 420,
            column_config={
                "warehouse": column.TextColumn("Warehouse"),
                "sku": column.TextColumn("SKU"),
                "product_name": column.TextColumn("Product", width="medium"),
                "category": column.TextColumn("Category"),
                "closing_quantity": column.NumberColumn("In stock", format="%,d"),
                "sold_a_day": column.NumberColumn("Sold a day", format="%.2f"),
                "days_of_cover": column.NumberColumn("Days of cover", format="%.1f"),
            },
        )

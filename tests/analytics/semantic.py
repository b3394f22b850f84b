"""The figures of the pages, and the questions to MetricFlow that give the same ones."""

from __future__ import annotations

import json
import math
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from analytics.metrics import METRICS
from analytics.warehouse.source import Rows

REPOSITORY = Path(__file__).parents[2]
PYTHON = REPOSITORY / ".venv-metricflow" / "bin" / "python"
_OTHERS = ("SNOWFLAKE_", "DBT_", "DUCKDB_PATH", "WAREHOUSE", "MART_SCHEMA", "PYTHONWARNINGS")

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Check:
    """The figures of a page's query, and MetricFlow's: `figures` are metrics by column of the query.

    With `key`, a column of the query, there is a figure for each of its values; MetricFlow groups by `group_by`.
    """

    query: str
    figures: Mapping[str, str]
    where: Sequence[str] = ()
    between: tuple[date, date] | None = None
    key: str = ""
    group_by: str = ""

    def question(self) -> dict[str, Any]:
        """Return the question in the form that `mf_answers.py` reads."""
        where = list(self.where)
        if self.between:
            # A start and an end of the question's own would be widened to whole weeks, where it groups by weeks.
            where.append("{{{{ TimeDimension('metric_time', 'day') }}}} between '{}' and '{}'".format(*self.between))
        return {
            "metrics": sorted(set(self.figures.values())), "where": where,
            "group_by": [self.group_by] if self.group_by else [],
        }  # fmt: skip

    def different(self, page: Rows, answer: Mapping[str, Any]) -> list[str]:
        """Return the differences between page and MetricFlow. A missing row, null and 0 are equal."""
        shown, told = self._by_key(page.columns, page.rows, self.key), self._by_key(
            answer["columns"], answer["rows"], self.group_by
        )  # fmt: skip
        return [
            f"{self.query} {key} {column}: {ours} on the page, {theirs} of {metric}"
            for column, metric in self.figures.items()
            for key in sorted(shown.keys() | told.keys())
            for ours, theirs in [(_number(shown, key, column), _number(told, key, metric))]
            if not math.isclose(ours, theirs, rel_tol=1e-6, abs_tol=1e-6)
        ]

    def _by_key(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], key: str) -> dict[str, dict[str, Any]]:
        named = [dict(zip(columns, row, strict=True)) for row in rows]
        return {str(row[key]) if key else "": row for row in named}


def _number(rows: Mapping[str, Mapping[str, Any]], key: str, column: str) -> float:
    return float(rows.get(key, {}).get(column) or 0)


@dataclass(frozen=True)
class _Asked:
    """The filters of one look at the pages."""

    values: Values
    found: list[Check] = field(default_factory=list)

    @property
    def between(self) -> tuple[date, date]:
        return self.values["first_day"], self.values["last_day"]

    @property
    def currency(self) -> str:
        return _literal(self.values["currency"])

    @property
    def time(self) -> str:
        return f"metric_time__{self.values['grain']}"

    def among(self, name: str, expression: str) -> list[str]:
        """Return a condition for the chosen values; none if there are none."""
        chosen = self.values[name]
        return [f"{{{{ {expression} }}}} in ({', '.join(map(_literal, chosen))})"] if chosen else []


def checks(values: Values, *, parts: bool = False) -> Iterator[Check]:
    """Yield all checks of the pages under these filters: totals, and with `parts` also their parts."""
    asked = _Asked(values)
    yield from _of_orders(asked, parts)
    yield from _of_lines(asked, parts)
    yield from _of_messages(asked, parts)
    yield from _of_attribution(asked, parts)
    yield from _of_stock(asked, parts)


def _shown(relation: str, *names: str) -> dict[str, str]:
    """Return the metrics of a relation that its query of totals shows, or else the named ones."""
    shown = names or [name for name, metric in METRICS.items() if metric.relation == relation and not metric.summed_in]
    return {name: name for name in shown if name not in _PARTS_OF_RATIOS}


_PARTS_OF_RATIOS = {
    "cancelled_orders", "returning_orders", "orders_of_known_buyers", "gross_amount_with_list_price",
    "list_amount_with_charged_price",
}  # fmt: skip
"""Metrics that no page shows by themselves."""


def _of_orders(asked: _Asked, parts: bool) -> Iterator[Check]:
    where = [
        f"{{{{ Dimension('order_id__currency') }}}} = {asked.currency}",
        *asked.among("countries", "Dimension('customer__country')"),
        *asked.among("campaigns", "Entity('campaign')"),
    ]
    if asked.values["categories"]:
        # Of an order of two categories, the part in those that are chosen: its lines tell.
        lines = _where_of_lines(asked)
        attributed = [*lines, "{{ Entity('campaign', entity_path=['order_id']) }} is not null"]
        placed = [condition for condition in lines if condition != _NOT_CANCELLED]
        of_lines = {"revenue": "line_revenue", "orders": "line_orders"}
        yield Check("order_totals", of_lines, lines, asked.between)
        yield Check("order_totals", {"attributed_revenue": "line_revenue"}, attributed, asked.between)
        yield Check("order_totals", {"placed_orders": "line_orders"}, placed, asked.between)
        yield Check("revenue_by_country", of_lines, lines, asked.between, "country", "customer__country")
        yield Check("orders_over_time", of_lines, lines, asked.between, "drawn_on", asked.time)
        return
    yield Check("order_totals", _shown("orders"), where, asked.between)
    if parts:
        over_time = {name: name for name in ("revenue", "attributed_revenue", "orders", "cancelled_orders")}
        yield Check("orders_over_time", over_time, where, asked.between, "drawn_on", asked.time)
        by_country = _shown("orders", "revenue", "orders")
        yield Check("revenue_by_country", by_country, where, asked.between, "country", "customer__country")


_NOT_CANCELLED = "not {{ Dimension('line__is_cancelled') }}"


def _where_of_lines(asked: _Asked) -> list[str]:
    return [
        f"{{{{ Dimension('line__currency') }}}} = {asked.currency}",
        _NOT_CANCELLED,
        *asked.among("countries", "Dimension('customer__country')"),
        *asked.among("categories", "Dimension('product__category')"),
        *asked.among("campaigns", "Entity('campaign', entity_path=['order_id'])"),
    ]


def _of_lines(asked: _Asked, parts: bool) -> Iterator[Check]:
    where = _where_of_lines(asked)
    by_category = _shown("lines")
    totals = {name: metric for name, metric in by_category.items() if metric != "line_orders"}
    yield Check("line_totals", totals, where, asked.between)
    if parts:
        yield Check("sales_by_category", by_category, where, asked.between, "category", "product__category")
        shares = _shown("lines", "discount_share", "price_realisation")
        yield Check("lines_over_time", shares, where, asked.between, "drawn_on", asked.time)


def _of_messages(asked: _Asked, parts: bool) -> Iterator[Check]:
    where = [
        *asked.among("countries", "Dimension('customer__country')"),
        *asked.among("campaigns", "Entity('campaign')"),
    ]
    yield Check("message_totals", _shown("messages"), where, asked.between)
    if not parts:
        return
    health = _shown(
        "", "sent", "delivery_rate", "hard_bounce_rate", "soft_bounce_rate", "complaint_rate", "unsubscribe_rate"
    )
    rates = health | _shown("", "delivered", "opened", "clicked", "unsubscribed", "open_rate", "click_rate")
    yield Check("messages_over_time", rates, where, asked.between, "drawn_on", asked.time)
    yield Check("health_by_country", health, where, asked.between, "country", "customer__country")
    yield Check("health_by_sender", health, where, asked.between, "sender", "campaign__sender")
    campaigns = _shown(
        "", "sent", "delivered", "open_rate", "people_open_rate", "click_rate", "unsubscribe_rate", "hours_to_open",
        "hours_to_click",
    )  # fmt: skip
    yield Check("campaign_table", campaigns, where, asked.between, "campaign", "campaign__campaign_name")


def _of_attribution(asked: _Asked, parts: bool) -> Iterator[Check]:
    """Yield checks of orders whose message was sent in the period, whenever they were placed."""
    first_day, last_day = asked.between
    where = [
        f"{{{{ TimeDimension('message__sent_date', 'day') }}}} between '{first_day}' and '{last_day}'",
        *asked.among("countries", "Dimension('customer__country', entity_path=['message'])"),
        *asked.among("campaigns", "Entity('campaign', entity_path=['message'])"),
    ]
    of_currency = [*where, f"{{{{ Dimension('order_id__currency') }}}} = {asked.currency}"]
    yield Check("attribution_totals", _shown("", "ordered", "message_orders"), where)
    yield Check("attribution_totals", _shown("", "message_revenue"), of_currency)
    if parts:
        campaign = ("campaign", "message__campaign__campaign_name")
        yield Check("campaign_table", _shown("", "message_orders"), where, None, *campaign)
        yield Check("campaign_table", _shown("", "message_revenue"), of_currency, None, *campaign)


def _of_stock(asked: _Asked, parts: bool) -> Iterator[Check]:
    where = [
        *asked.among("categories", "Dimension('product_today__category')"),
        *asked.among("warehouses", "Entity('warehouse')"),
    ]
    of_currency = [*where, f"{{{{ Dimension('stock_place__currency') }}}} = {asked.currency}"]
    counted = {name: name for name in _shown("stock") if name != "stock_value"}
    yield Check("stock_totals", counted, where, asked.between)
    yield Check("stock_totals", _shown("", "stock_value"), of_currency, asked.between)
    if parts:
        closing = _shown("", "closing_quantity", "stock_outs")
        by_warehouse = ("warehouse", "warehouse__warehouse_code")
        yield Check("cover_by_warehouse", closing, where, asked.between, *by_warehouse)


def ask(questions: Sequence[Mapping[str, Any]], work: Path, environment: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return MetricFlow's answers, from one process. Raises RuntimeError with the end of its output."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
    own = {"DBT_TARGET_PATH": str(work / "target"), "DBT_LOG_PATH": str(work / "logs"), "DO_NOT_TRACK": "1"}
    own |= {"BUSINESS_NOW": "2028-03-14T12:30:00Z", "ENVIRONMENT": "dev"}
    done = subprocess.run(
        [str(PYTHON), str(Path(__file__).with_name("mf_answers.py"))], input=json.dumps(questions), text=True,
        capture_output=True, env={**inherited, **own, **environment}, cwd=work, check=False, timeout=600,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-8000:])
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"

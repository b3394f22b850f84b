"""Turns a file of `queries/` into a statement: inserts metrics and relations, and replaces names by `?` with values.

A file is SQL that DuckDB and Snowflake both read, with three additions:

    {{ revenue }}                     a metric, over rows of its relation
    {{ each message_revenue }}        for a metric that is summed in another relation: the summed expression
    {{ relation orders }}             the SELECT in relations/orders.sql
    :first_day, (:countries)          a value; a list of values, of any length
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from analytics.metrics import METRICS

QUERIES = Path(__file__).parent / "queries"
_INSERTED = re.compile(r"\{\{ (relation |each )?(\w+) \}\}")
_NAMED = re.compile(r"(?<![\w:]):([a-z_]+)\b")
_COMMENT = re.compile(r"--[^\n]*")

Value = str | int | float | bool | object


@dataclass(frozen=True)
class Statement:
    """SQL with `?` placeholders, and their values in order."""

    sql: str
    values: tuple[object, ...]


def names() -> list[str]:
    """Return the names of all queries."""
    return sorted(path.stem for path in QUERIES.glob("*.sql"))


@cache
def text(name: str) -> str:
    """Return a query with its metrics and relations inserted. Its values are still named."""
    return _expanded((QUERIES / f"{name}.sql").read_text(encoding="utf-8"))


def parameters(name: str) -> frozenset[str]:
    """Return the names of a query's values."""
    return frozenset(_NAMED.findall(text(name)))


def statement(name: str, values: Mapping[str, object]) -> Statement:
    """Return a query with the values of the parameters that it names. Raises KeyError for a missing value."""
    ordered: list[object] = []

    def placeholder(match: re.Match[str]) -> str:
        value = values[match[1]]
        if isinstance(value, Sequence) and not isinstance(value, str):
            # An empty list matches nothing, because nothing equals null.
            members = list(value) or [None]
            ordered.extend(members)
            return ", ".join("?" * len(members))
        ordered.append(value)
        return "?"

    return Statement(_NAMED.sub(placeholder, text(name)), tuple(ordered))


def _expanded(sql: str) -> str:
    def inserted(match: re.Match[str]) -> str:
        kind, name = match.groups()
        if kind == "relation ":
            return _expanded((QUERIES / "relations" / f"{name}.sql").read_text(encoding="utf-8")).strip()
        metric = METRICS[name]
        return f"sum({name})" if metric.summed_in and kind is None else metric.expression

    # Comments first: their text is not SQL, and may hold a colon.
    return _INSERTED.sub(inserted, _COMMENT.sub("", sql)).strip()

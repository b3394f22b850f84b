"""Casts to text and times, chosen by the value's type as far as it is known.

A macro of `macros` decides by `typeof` and repeats its argument for each type. Nested macros would grow without bound,
so if a value's type is visible in the statement, only the one right conversion is written.
"""

from __future__ import annotations

from sqlglot import exp
from sqlglot.expressions import DataType

from local.snowflake.emulator.sql.macros import call

TEXT, JSON, NAIVE, INSTANT, DATE = "VARCHAR", "JSON", "TIMESTAMP", "TIMESTAMPTZ", "DATE"

_OFFSET = r"(\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s*(Z|[+-]\d{2}:?\d{0,2})$"
_BLANK_BEFORE_OFFSET = r"\s+(Z|[+-]\d{2}:?\d{0,2})$"
_BY_CLASS: dict[type[exp.Expression], str] = {
    exp.JSONExtract: JSON,
    exp.ParseJSON: JSON,
    exp.CurrentTimestamp: INSTANT,
    exp.CurrentDate: DATE,
    exp.Lower: TEXT,
    exp.Upper: TEXT,
    exp.Trim: TEXT,
    exp.DPipe: TEXT,
}
_BY_TYPE = {
    DataType.Type.TEXT: TEXT,
    DataType.Type.JSON: JSON,
    DataType.Type.TIMESTAMP: NAIVE,
    DataType.Type.TIMESTAMPTZ: INSTANT,
    DataType.Type.DATE: DATE,
}


def known_type(node: exp.Expression) -> str | None:
    """Return DuckDB's type of a rewritten expression; None if it is not visible."""
    if found := node.meta.get("emulated_type"):
        return str(found)
    if isinstance(node, exp.Paren):
        return known_type(node.this)
    if isinstance(node, exp.Cast):
        return _BY_TYPE.get(node.to.this)
    if isinstance(node, exp.Literal):
        return TEXT if node.is_string else None
    return _BY_CLASS.get(type(node))


def as_text(value: exp.Expression) -> exp.Expression:
    """Return a value as Snowflake prints it."""
    known = known_type(value)
    if known == TEXT:
        return value
    if known == JSON:
        return _typed(exp.JSONExtractScalar(this=exp.Paren(this=value), expression=exp.Literal.string("$")), TEXT)
    return _typed(call("as_text", value), TEXT)


def to_naive(value: exp.Expression) -> exp.Expression:
    """Return a cast to TIMESTAMP_NTZ: the clock time of a text or an instant, without its offset."""
    known = known_type(value)
    if known == NAIVE:
        return value
    if known == INSTANT:
        return _typed(exp.AtTimeZone(this=exp.Paren(this=value), zone=exp.Literal.string("UTC")), NAIVE)
    if known == DATE:
        return _cast(value, NAIVE)
    if known in (TEXT, JSON):
        return _cast(_replace(as_text(value), _OFFSET, r"\1"), NAIVE)
    return _typed(call("to_naive", value), NAIVE)


def try_to_naive(value: exp.Expression) -> exp.Expression:
    """Return the TRY_CAST of a text to TIMESTAMP_NTZ."""
    if known_type(value) in (TEXT, JSON):
        return _cast(_replace(as_text(value), _OFFSET, r"\1"), NAIVE, safe=True)
    return _typed(call("try_to_naive", value), NAIVE)


def to_instant(value: exp.Expression) -> exp.Expression:
    """Return a cast to TIMESTAMP_TZ. A value without offset is in UTC, the session's zone."""
    known = known_type(value)
    if known == INSTANT:
        return value
    if known in (NAIVE, DATE):
        return _cast(value, INSTANT)
    if known in (TEXT, JSON):
        return _cast(_replace(as_text(value), _BLANK_BEFORE_OFFSET, r"\1"), INSTANT)
    return _typed(call("to_instant", value), INSTANT)


def _replace(text: exp.Expression, pattern: str, by: str) -> exp.Expression:
    return exp.Anonymous(this="regexp_replace", expressions=[text, exp.Literal.string(pattern), exp.Literal.string(by)])


def _cast(value: exp.Expression, type_: str, *, safe: bool = False) -> exp.Expression:
    to = DataType.build(type_, dialect="duckdb")
    to.meta["duckdb"] = True
    return (exp.TryCast if safe else exp.Cast)(this=value, to=to)


def _typed(node: exp.Expression, type_: str) -> exp.Expression:
    node.meta["emulated_type"] = type_
    return node

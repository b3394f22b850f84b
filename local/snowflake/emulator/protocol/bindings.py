"""Bound values, which the connector sends beside a statement, as literals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlglot import exp

from local.snowflake.emulator.account.doubts import Doubt, Doubts
from local.snowflake.emulator.errors import unsupported

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def positional(bindings: dict[str, Any] | None, doubts: Doubts) -> list[exp.Expression]:
    """Return the values of `?` in order. Raises SnowflakeError for several rows of them, which `executemany` sends."""
    if not bindings:
        return []
    ordered = [bindings[str(at)] for at in range(1, len(bindings) + 1)]
    if any(isinstance(binding["value"], list) for binding in ordered):
        raise unsupported("many rows of bindings for one statement")
    types = {"TIMESTAMP_TZ": "TIMESTAMP_NTZ"} if Doubt.BOUND_TIMES_LOSE_THEIR_ZONE in doubts else {}
    return [literal(types.get(binding["type"], binding["type"]), binding["value"]) for binding in ordered]


def literal(type_: str, value: str | None) -> exp.Expression:
    """Return one value as a literal. Raises SnowflakeError for a type that is not emulated."""
    if value is None:
        return exp.Null()
    if type_ in ("FIXED", "REAL"):
        number = exp.Literal.number(value.lstrip("-"))
        typed = _cast(number, "DOUBLE") if type_ == "REAL" else number
        return exp.Paren(this=exp.Neg(this=typed)) if value.startswith("-") else typed
    if type_ in ("TEXT", "ANY"):
        return exp.Literal.string(value)
    if type_ == "BOOLEAN":
        return exp.true() if value.lower() == "true" else exp.false()
    if type_ == "DATE":
        return _cast(exp.Literal.string(str(_instant(int(value) * 1_000_000).date())), "DATE")
    if type_ == "TIME":
        return _cast(exp.Literal.string(str(_instant(int(value)).time())), "TIME")
    if type_ == "BINARY":
        return exp.HexString(this=value)
    if type_ in ("TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ"):
        at = _instant(int(value.split(" ")[0]))
        if type_ == "TIMESTAMP_NTZ":
            return _cast(exp.Literal.string(at.replace(tzinfo=None).isoformat(" ")), "TIMESTAMP")
        return _cast(exp.Literal.string(at.isoformat(" ")), "TIMESTAMPTZ")
    raise unsupported(f"bindings of type {type_}")


def _instant(nanoseconds: int) -> datetime:
    if nanoseconds % 1000:
        raise unsupported("timestamps finer than a microsecond")
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


def _cast(value: exp.Expression, type_: str) -> exp.Expression:
    to = exp.DataType.build(type_, dialect="duckdb")
    to.meta["duckdb"] = True
    return exp.Cast(this=value, to=to)

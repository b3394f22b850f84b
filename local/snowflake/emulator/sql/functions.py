"""Rewrites functions that behave differently in DuckDB. sqlglot rewrites all others."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp

from local.snowflake.emulator.errors import unknown_function, unsupported
from local.snowflake.emulator.sql.conversions import INSTANT, as_text, known_type, to_instant, to_naive
from local.snowflake.emulator.sql.macros import call
from local.snowflake.emulator.sql.strictness import KNOWN

_WHOLE_PARTS = {"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"}
_DATE_FORMATS = {
    "YYYY": "%Y", "YY": "%y", "MM": "%m", "MON": "%b", "MMMM": "%B", "DD": "%d", "DY": "%a", "HH24": "%H",
    "HH12": "%I", "AM": "%p", "PM": "%p", "MI": "%M", "SS": "%S", "FF3": "%g", "FF6": "%f", "FF": "%f000",
    "FF9": "%f000", "TZHTZM": "+0000", "TZH:TZM": "+00:00",
}  # fmt: skip


_FORMAT_PARTS = re.compile(
    '"[^"]*"|UTC|' + "|".join(sorted(_DATE_FORMATS, key=len, reverse=True)) + "|.", re.IGNORECASE | re.DOTALL
)


def variable(name: str) -> str:
    """Return the DuckDB variable of a session value."""
    return f"emulator_{name}"


def users_variable(name: str) -> str:
    """Return the DuckDB variable of a user's session variable, by its name in the account."""
    return f"session_{name}"


def _session_value(name: str) -> exp.Expression:
    return exp.Anonymous(this="getvariable", expressions=[exp.Literal.string(variable(name))])


def _cast(this: exp.Expression, type_: str) -> exp.Expression:
    return exp.Cast(this=this, to=exp.DataType.build(type_, dialect="duckdb"))


def _whole(number: exp.Expression) -> exp.Expression:
    return number if isinstance(number, exp.Literal) else _cast(number, "BIGINT")


def _same_type_as(value: exp.Expression, model: exp.Expression) -> exp.Expression:
    return exp.Anonymous(this="cast_to_type", expressions=[value, model.copy()])


def _timestamp_of(value: exp.Expression) -> exp.Expression:
    return _cast(value, "TIMESTAMP") if isinstance(value, exp.Literal) and value.is_string else value


def _date_add(node: exp.DateAdd) -> exp.Expression:
    unit = (node.unit.name if node.unit else "DAY").upper()
    value = _timestamp_of(node.this)
    amount = _whole(node.expression)
    added = exp.Add(this=value.copy(), expression=exp.Interval(this=exp.Paren(this=amount), unit=exp.Var(this=unit)))
    return exp.Paren(this=_same_type_as(added, value) if unit in _WHOLE_PARTS else added)


def _extract(node: exp.Extract) -> exp.Expression:
    if node.this.name.upper() in ("EPOCH", "EPOCH_SECOND"):
        raise unsupported("EPOCH_SECOND, which DuckDB rounds and Snowflake cuts: use EPOCH_MICROSECOND")
    return node


def _date_diff(node: exp.DateDiff) -> exp.Expression:
    node.set("this", _timestamp_of(node.this))
    node.set("expression", _timestamp_of(node.expression))
    return node


def _date_trunc(node: exp.DateTrunc | exp.TimestampTrunc) -> exp.Expression:
    value = _timestamp_of(node.this)
    unit = exp.Literal.string(node.unit.name.lower())
    return _same_type_as(exp.Anonymous(this="date_trunc", expressions=[unit, value.copy()]), value)


def _convert_timezone(node: exp.ConvertTimezone) -> exp.Expression:
    target, source = node.args["target_tz"], node.args.get("source_tz")
    value = node.args["timestamp"]
    if source is None and _is_utc(target):
        return to_instant(value)
    if source is None or not _is_utc(source) or not isinstance(target, exp.Literal) or known_type(value) == INSTANT:
        raise unsupported("CONVERT_TIMEZONE of other than an instant to UTC, or a clock's time of UTC to another zone")
    instant = exp.Paren(this=exp.AtTimeZone(this=exp.Paren(this=to_naive(value)), zone=source))
    return exp.Paren(this=exp.AtTimeZone(this=instant, zone=target))


def _is_utc(zone: exp.Expression) -> bool:
    return isinstance(zone, exp.Literal) and zone.name.upper() == "UTC"


def _to_char(node: exp.ToChar) -> exp.Expression:
    form = node.args.get("format")
    if form is None:
        return as_text(node.this)
    text = "".join(_literal_text(form))
    out = "".join(_date_part(text, part) for part in _FORMAT_PARTS.findall(text))
    return exp.Anonymous(this="strftime", expressions=[_cast(node.this, "TIMESTAMP"), exp.Literal.string(out)])


def _time_to_text(node: exp.TimeToStr) -> exp.Expression:
    """Rewrite TO_CHAR of a value that sqlglot knows to be a time. A format in one piece is translated already."""
    form = node.args["format"]
    return node if isinstance(form, exp.Literal) else _to_char(exp.ToChar(this=node.this, format=form))


def _date_part(form: str, part: str) -> str:
    """Return one element of a date's format, a quoted text, or the text between elements."""
    if part.startswith('"'):
        return part[1:-1]
    if known := _DATE_FORMATS.get(part.upper()):
        return known
    if part.isalpha() and part.upper() not in ("T", "UTC"):
        raise unsupported(f"TO_CHAR format '{form}'")
    return part


def _literal_text(node: exp.Expression) -> list[str]:
    """Return the parts of a constant text, which may be joined by `||`."""
    if isinstance(node, exp.DPipe):
        return [*_literal_text(node.this), *_literal_text(node.expression)]
    if isinstance(node, exp.Literal) and node.is_string:
        return [node.name]
    raise unsupported("a format that is no constant")


def _array_size(node: exp.ArraySize) -> exp.Expression:
    kind = exp.Anonymous(this="json_type", expressions=[node.this.copy()])
    size = exp.Anonymous(this="json_array_length", expressions=[node.this.copy()])
    return exp.Case(ifs=[exp.If(this=exp.EQ(this=kind, expression=exp.Literal.string("ARRAY")), true=size)])


def _lateral(node: exp.Lateral) -> exp.Expression:
    """Rewrite FLATTEN of an array into its elements, the column VALUE. An object and null have none in this mode."""
    flatten = node.this
    named = [flatten.this, *flatten.expressions] if isinstance(flatten, exp.Explode) else []
    given = {item.name.upper(): item.expression for item in named if isinstance(item, exp.Kwarg)}
    mode = given.get("MODE")
    if len(given) != len(named) or set(given) != {"INPUT", "MODE"} or mode is None or mode.name.upper() != "ARRAY":
        raise unsupported("LATERAL of anything but FLATTEN(INPUT => ..., MODE => 'ARRAY')")
    elements = exp.Anonymous(this="json_extract", expressions=[given["INPUT"], exp.Literal.string("$[*]")])
    unnested = exp.Anonymous(this="unnest", expressions=[_cast(elements, "JSON[]")])
    value = exp.alias_(unnested, exp.to_identifier("VALUE", quoted=True))
    return exp.Lateral(
        this=exp.Subquery(this=exp.Select(expressions=[value])), alias=exp.TableAlias(this=node.args["alias"].this)
    )


def _is_varchar(value: exp.Expression) -> exp.Expression:
    kind = exp.Anonymous(this="json_type", expressions=[value])
    return exp.Paren(this=exp.EQ(this=kind, expression=exp.Literal.string("VARCHAR")))


def _concat_operand(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.DPipe) or (isinstance(node, exp.Literal) and node.is_string):
        return node
    return as_text(node)


def _pipe(node: exp.DPipe) -> exp.Expression:
    node.set("this", _concat_operand(node.this))
    node.set("expression", _concat_operand(node.expression))
    return node


def _sha2(node: exp.SHA2) -> exp.Expression:
    length = node.args.get("length")
    if length is not None and length.name not in ("256", "0"):
        raise unsupported(f"SHA2 of {length.name} bits")
    return exp.Anonymous(this="sha256", expressions=[node.this])


def _array_agg(node: exp.ArrayAgg) -> exp.Expression:
    raise unsupported("ARRAY_AGG")


def _object_construct(node: exp.Struct) -> exp.Expression:
    raise unsupported("OBJECT_CONSTRUCT and objects in braces")


def _round(node: exp.Round) -> exp.Expression:
    if isinstance(decimals := node.args.get("decimals"), exp.Expression):
        node.set("decimals", _whole(decimals))
    return node


def _average(node: exp.Avg) -> exp.Expression:
    """Return the average as a quotient with six more decimals than the values, and NULL if there is no value."""
    if isinstance(node.parent, exp.Window):
        raise unsupported("AVG over a window")
    values = node.this
    return call(
        "divide", exp.Sum(this=values), exp.Nullif(this=exp.Count(this=values.copy()), expression=exp.Literal.number(0))
    )


REWRITES: dict[type[exp.Expression], Callable[..., exp.Expression]] = {
    exp.Div: lambda node: call("divide", node.this, node.expression),
    exp.Avg: _average,
    exp.DateAdd: _date_add,
    exp.Extract: _extract,
    exp.CurrentSession: lambda _: _session_value("session"),
    exp.DateDiff: _date_diff,
    exp.DateTrunc: _date_trunc,
    exp.TimestampTrunc: _date_trunc,
    exp.ConvertTimezone: _convert_timezone,
    exp.ToChar: _to_char,
    exp.TimeToStr: _time_to_text,
    exp.ArraySize: _array_size,
    exp.ArrayAgg: _array_agg,
    exp.Lateral: _lateral,
    exp.DPipe: _pipe,
    exp.SHA2: _sha2,
    exp.Struct: _object_construct,
    exp.Round: _round,
    exp.CurrentSecondaryRoles: lambda _: _session_value("secondary_roles"),
    exp.CurrentRole: lambda _: _session_value("role"),
    exp.CurrentUser: lambda _: _session_value("user"),
    exp.CurrentWarehouse: lambda _: _session_value("warehouse"),
    exp.CurrentDatabase: lambda _: _session_value("database"),
    exp.CurrentSchema: lambda _: _session_value("schema"),
}


def rewrite_anonymous(node: exp.Anonymous) -> exp.Expression:
    """Rewrite a function for which sqlglot has no class."""
    name = node.name.upper()
    arguments = node.expressions
    if name == "GETVARIABLE" and len(arguments) == 1 and isinstance(arguments[0], exp.Literal):
        # Null if the session has no database or schema. It is always text here.
        found = exp.Anonymous(this="getvariable", expressions=[exp.Literal.string(users_variable(arguments[0].name))])
        return _cast(found, "VARCHAR")
    if name == "TO_TIMESTAMP_NTZ" and len(arguments) == 1:
        return to_naive(arguments[0])
    if name == "IS_VARCHAR" and len(arguments) == 1:
        return _is_varchar(arguments[0])
    if name in KNOWN:
        raise unsupported(f"{name} of {len(arguments)} arguments")
    raise unknown_function(name)

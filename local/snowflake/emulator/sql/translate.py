"""Translates Snowflake's SQL into DuckDB's: names, types, bound values and functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError, UnsupportedError
from sqlglot.expressions import DataType
from sqlglot.tokens import TokenType

from local.snowflake.emulator.errors import (
    SnowflakeError,
    invalid_identifier,
    syntax_error,
    unsupported,
)
from local.snowflake.emulator.sql.conversions import as_text, to_instant, to_naive, try_to_naive
from local.snowflake.emulator.sql.functions import REWRITES, rewrite_anonymous
from local.snowflake.emulator.sql.macros import call
from local.snowflake.emulator.sql.relations import ObjectName, Relation
from local.snowflake.emulator.sql.types import declared_type, duckdb_type, text_length

_NAMED = "bound_value_"
_PLACE = re.compile(rf":{_NAMED}(\d+)", re.IGNORECASE)
_POSITION = "position"


def parse(sql: str) -> exp.Expression:
    """Parse one statement. Raises SnowflakeError 001003."""
    try:
        found = [statement for statement in sqlglot.parse(_numbered(sql), read="snowflake") if statement is not None]
    except SqlglotError as error:
        raise syntax_error(_PLACE.sub("?", _plain(str(error)))) from None
    statements = [statement for statement in found if not isinstance(statement, exp.Semicolon)]
    if not statements:
        raise SnowflakeError(900, "42601", "SQL compilation error: Empty SQL statement.")
    if len(statements) > 1:
        raise SnowflakeError(
            8, "0A000", f"Actual statement count {len(statements)} did not match the desired statement count 1."
        )
    for place in statements[0].find_all(exp.Placeholder):
        numbered = _PLACE.fullmatch(f":{place.name}")
        if numbered is None:
            raise unsupported(f"the binding :{place.name}; those of ? are")
        place.set("this", None)
        place.meta[_POSITION] = int(numbered[1])
    return statements[0]


def _numbered(sql: str) -> str:
    """Return the statement with a name for each `?`, because sqlglot keeps neither their positions nor their order."""
    tokens = sqlglot.tokenize(sql, read="snowflake")
    places = [token.start for token in tokens if token.token_type is TokenType.PLACEHOLDER]
    pieces = [sql[start:end] for start, end in pairwise([0, *(place + 1 for place in places), len(sql)])]
    numbered = [f"{piece[:-1]}:{_NAMED}{at}" for at, piece in enumerate(pieces[:-1])]
    return "".join([*numbered, pieces[-1]])


def bind(expression: exp.Expression, values: Sequence[exp.Expression]) -> exp.Expression:
    """Replace each `?` by its value. Raises SnowflakeError if their numbers differ."""
    places = sorted(expression.find_all(exp.Placeholder), key=lambda place: int(place.meta[_POSITION]))
    if len(places) != len(values):
        raise SnowflakeError(
            2049,
            "42601",
            f"SQL compilation error: error line 1\nBind variable ? not set. ({len(values)} for {len(places)})",
        )
    for place, value in zip(places, values, strict=True):
        place.replace(value)
    return expression


def upper_case(expression: exp.Expression) -> exp.Expression:
    """Convert unquoted names to upper case. All names are then exact, and quoted for DuckDB."""
    for identifier in expression.find_all(exp.Identifier):
        if not identifier.quoted:
            identifier.set("this", identifier.name.upper())
            identifier.set("quoted", True)
    return expression


@dataclass(frozen=True)
class TableReference:
    """A table that a statement names, and its relation."""

    node: exp.Table
    relation: Relation


@dataclass
class Names:
    """A resolver of a statement's tables, which replaces their names by DuckDB's."""

    resolve: Callable[[tuple[str, ...]], ObjectName]
    find: Callable[[ObjectName], Relation]
    information_schema: Callable[[str, str], str]
    """DuckDB's relation for `view` of a database's INFORMATION_SCHEMA."""
    references: list[TableReference] = field(default_factory=list)
    metadata_only: bool = True

    def apply(self, expression: exp.Expression) -> None:
        for table in list(expression.find_all(exp.Table)):
            if table.meta.get("resolved"):
                continue
            if not isinstance(table.this, exp.Identifier):
                raise unsupported(f"FROM {table.sql('snowflake')}")
            if not _is_cte(table):
                self._replace(table)
        for column in expression.find_all(exp.Column):
            if column.args.get("db"):
                column.set("db", None)
                column.set("catalog", None)

    def _replace(self, table: exp.Table) -> None:
        parts = tuple(part.name for part in table.parts)
        if len(parts) > 1 and parts[-2] == "INFORMATION_SCHEMA":
            database = (
                self.resolve((parts[0], "X", "X")).database if len(parts) == 3 else self.resolve(("X", "X")).database
            )
            _rename(table, ("temp", "main", self.information_schema(database, parts[-1])), parts[-1])
            return
        name = self.resolve(parts)
        relation = self.find(name)
        self.metadata_only = False
        self.references.append(TableReference(table, relation))
        if relation.temporary:
            _rename(table, ("temp", "main", str(relation.name)), name.name)
        else:
            _rename(table, (name.database, name.schema, name.name), name.name)


def _rename(table: exp.Table, parts: tuple[str, str, str], alias: str) -> None:
    database, schema, name = (exp.to_identifier(part, quoted=True) for part in parts)
    table.set("catalog", database)
    table.set("db", schema)
    table.set("this", name)
    if not table.args.get("alias") and parts[2] != alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))


def _is_cte(table: exp.Table) -> bool:
    """Return whether an unqualified name is the name of a CTE in scope."""
    if table.args.get("db"):
        return False
    node: exp.Expression = table
    while parent := node.parent:
        with_ = parent.args.get("with_")
        if isinstance(with_, exp.With) and node is not with_ and _names(with_.expressions, table.name):
            return True
        if isinstance(parent, exp.With):
            earlier = parent.expressions[: parent.expressions.index(node)]
            visible = [*earlier, node] if parent.recursive else earlier
            if _names(visible, table.name):
                return True
        node = parent
    return False


def _names(ctes: Sequence[exp.Expression], name: str) -> bool:
    return any(cte.alias == name for cte in ctes)


def check_case(expression: exp.Expression, references: Sequence[TableReference], others: Iterable[str]) -> None:
    """Raise if a column is named in the wrong case, which DuckDB would accept.

    `others` are columns of tables outside the catalog.
    """
    known = {column.name for reference in references for column in reference.relation.columns} | set(others)
    known |= {alias.alias for alias in expression.find_all(exp.Alias)}
    for alias in expression.find_all(exp.TableAlias):
        known |= {column.name for column in alias.args.get("columns") or []}
    folded = {name.upper() for name in known}
    for column in expression.find_all(exp.Column):
        name = column.name
        if name not in known and name.upper() in folded and not isinstance(column.this, exp.Star):
            raise invalid_identifier(f'"{name}"')


def rewrite(expression: exp.Expression) -> exp.Expression:
    """Rewrite types and functions, from the leaves up."""
    for node in reversed(list(expression.walk(bfs=True))):
        replacement = _rewritten(node)
        if replacement is not node:
            if node is expression:
                expression = replacement
            else:
                node.replace(replacement)
    return expression


def _rewritten(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Cast):
        return _cast(node)
    if isinstance(node, exp.Anonymous):
        return rewrite_anonymous(node)
    if isinstance(node, exp.Values):
        return _values(node)
    if isinstance(node, exp.HexString):
        return exp.Anonymous(this="unhex", expressions=[exp.Literal.string(node.name)])
    change = REWRITES.get(type(node))
    return change(node) if change else node


def _cast(node: exp.Cast) -> exp.Expression:
    """Rewrite a cast to one of Snowflake's types.

    Text is printed as Snowflake does, and cut or refused by its length.
    """
    safe = isinstance(node, exp.TryCast)
    type_ = node.to
    if not isinstance(type_, DataType) or isinstance(type_.this, str) or type_.meta.get("duckdb"):
        return node
    target = duckdb_type(type_)
    target.meta["duckdb"] = True
    if target.this is DataType.Type.TEXT:
        length = text_length(declared_type(type_)) or 0
        text = as_text(node.this)
        return call("fitting_text", text, exp.Literal.number(length)) if length < 16777216 else text
    if target.this is DataType.Type.TIMESTAMP:
        return try_to_naive(node.this) if safe else to_naive(node.this)
    if target.this is DataType.Type.TIMESTAMPTZ and not safe:
        return to_instant(node.this)
    if target.this is DataType.Type.JSON:
        return exp.Anonymous(this="to_json", expressions=[node.this])
    node.set("to", target)
    return node


def _values(node: exp.Values) -> exp.Expression:
    """Name the columns of VALUES in a FROM: COLUMN1, COLUMN2 and so on."""
    rows = node.expressions
    if node.find_ancestor(exp.From, exp.Join) is None or not rows or (node.alias and node.args["alias"].columns):
        return node
    columns = [exp.to_identifier(f"COLUMN{at}", quoted=True) for at in range(1, len(rows[0].expressions) + 1)]
    node.set("alias", exp.TableAlias(this=exp.to_identifier(node.alias or "VALUES", quoted=True), columns=columns))
    return node


def name_columns(expression: exp.Expression) -> None:
    """Name columns without a name by their text, as Snowflake does."""
    select = expression
    while isinstance(select, exp.SetOperation | exp.Subquery):
        select = select.this
    if not isinstance(select, exp.Select):
        return
    for at, projection in enumerate(select.expressions):
        if isinstance(projection, exp.Column | exp.Star | exp.Alias) or projection.is_star:
            continue
        text = projection.sql("snowflake").replace('"', "")
        select.expressions[at].replace(exp.alias_(projection.copy(), re.sub(r"\s+", " ", text).upper(), quoted=True))


def generate(expression: exp.Expression) -> str:
    """Return the statement in DuckDB's SQL. Raises SnowflakeError if sqlglot cannot express it."""
    try:
        return expression.sql("duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)
    except UnsupportedError as error:
        raise unsupported(_plain(str(error))) from None


def _plain(message: str) -> str:
    return re.sub(r"\x1b\[\d+m", "", message)

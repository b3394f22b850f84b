"""The SQL that reads a stream: its rows, their order, and the form of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg2 import sql

from ingest.contracts.model import ChildTables, Column, StreamContract
from ingest.sources.postgres.columns import qualified, select_list, unrepresentable


@dataclass(frozen=True)
class CursorRange:
    """The half-open range `[start, end)` of cursors, each as SQL. None means no bound."""

    start: sql.Composable | None
    end: sql.Composable | None


@dataclass(frozen=True)
class Blocks:
    """The half-open range `[start, end)` of a table's blocks. An end of None is the end of the table."""

    start: int
    end: int | None


def rows(contract: StreamContract, window: CursorRange | None, *, blocks: Blocks | None = None) -> sql.Composable:
    """Return a query of the rows in `window`, with the contract's columns, in no order.

    `blocks` limits it to those blocks.
    """
    conditions = _in_window(contract, window)
    if blocks is not None:
        conditions += _in_blocks(blocks)
    return _select(contract, contract.columns, conditions)


def all_rows(contract: StreamContract) -> sql.Composable:
    """Return a query of all rows, with the contract's columns, in an order that depends only on the rows."""
    return _select(contract, contract.columns, []) + _in_order(contract)


def keys(contract: StreamContract, *, unsettled_from: sql.Composable | None = None) -> sql.Composable:
    """Return a query of the key columns in key order.

    With `unsettled_from`, only of rows unsettled from that moment on.
    """
    conditions = [] if unsettled_from is None else [_unsettled(contract, unsettled_from)]
    return _select(contract, contract.key_columns, conditions) + _in_order(contract)


def misfit_keys(contract: StreamContract) -> sql.Composable | None:
    """Return a query of the keys of rows that the contract's types cannot hold.

    None if its types can hold any value.
    """
    misfits = [predicate for _, predicate in unrepresentable(contract.columns)]
    return _select(contract, contract.key_columns, [_any(misfits)]) if misfits else None


def count(contract: StreamContract, *, below: sql.Composable | None) -> sql.Composable:
    """Return a query of the number of rows. With `below`, it counts only rows that are settled below that moment."""
    conditions = [] if below is None else [sql.SQL("not ") + _unsettled(contract, below)]
    return sql.SQL("select count(*) from {}").format(_table(contract)) + _where(conditions)


def has_values(contract: StreamContract, columns: Sequence[Column], *, below: sql.Composable) -> sql.Composable:
    """Return a query that tells whether any row with a cursor below that moment has a value in one of `columns`."""
    filled = [sql.SQL("{} is distinct from null").format(sql.Identifier(column.name)) for column in columns]
    conditions = [*_in_window(contract, CursorRange(None, below)), _any(filled)]
    return sql.SQL("select exists (select from {}{})").format(_table(contract), _where(conditions))


def has_rows(contract: StreamContract, window: CursorRange) -> sql.Composable:
    """Return a query that tells whether any row is in `window`."""
    return sql.SQL("select exists (select from {}{})").format(_table(contract), _where(_in_window(contract, window)))


def refused(contract: StreamContract, window: CursorRange | None) -> sql.Composable | None:
    """Return a query of the rows of `window` that the contract's types cannot hold: reason, key and row, in order.

    The key is null if the stream has none. Return None if the contract's types can hold any value.
    """
    reasons = unrepresentable(contract.columns)
    if not reasons:
        return None
    case = sql.SQL(" ").join(
        sql.SQL("when {} then {}").format(predicate, sql.Literal(reason)) for reason, predicate in reasons
    )
    conditions = [*_in_window(contract, window), _any([predicate for _, predicate in reasons])]
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in contract.columns)
    # jsonb would refuse a `json` value with an escaped zero, and would sort the members of any other value.
    return (
        sql.SQL(
            "select case {case} end, {key}, row_to_json((select record from (select {columns}) record))::text"
            " from {table}"
        ).format(case=case, key=_json_key(contract), columns=columns, table=_table(contract))
        + _where(conditions)
        + _in_order(contract)
    )


def rows_by_keys(contract: StreamContract, keys: Sequence[str]) -> sql.Composable:
    """Return a query of the rows with these keys. Each key is a JSON text, in the form that quarantine uses."""
    return _select(contract, contract.columns, [_with_keys(contract, keys)])


def settled_rows(contract: StreamContract, keys: Sequence[str], *, below: sql.Composable) -> sql.Composable:
    """Return a query of the rows with these keys, a cursor below `below`, and values that the contract's types can
    hold.

    A key is a JSON object of the texts of its landed values.
    """
    names = sql.SQL(", ").join(sql.Identifier(name) for name in contract.key)
    texts = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in contract.key)
    values = sql.SQL(", ").join(
        sql.SQL("{}::{}").format(sql.Identifier(column.name), sql.SQL(column.source_type))
        for column in contract.key_columns
    )
    wanted = sql.SQL("({names}) in (select {values} from jsonb_to_recordset({keys}::jsonb) as wanted({texts}))").format(
        names=names, values=values, keys=sql.Literal(f"[{','.join(keys)}]"), texts=texts
    )
    conditions: list[sql.Composable] = [
        wanted,
        sql.SQL("{} < {}").format(sql.Identifier(contract.cursor_column.name), below),
    ]
    misfits = [predicate for _, predicate in unrepresentable(contract.columns)]
    conditions += [sql.SQL("not coalesce({}, false)").format(_any(misfits))] if misfits else []
    return _select(contract, contract.columns, conditions)


def fitting(contract: StreamContract, keys: Sequence[str]) -> sql.Composable:
    """Return a query that gives for each row with one of these keys its key as JSON text, and whether the row fits.

    A row fits if the contract's types can hold it.
    """
    misfits = [predicate for _, predicate in unrepresentable(contract.columns)]
    fits = sql.SQL("not coalesce({}, false)").format(_any(misfits)) if misfits else sql.SQL("true")
    return sql.SQL("select {}, {} from {}").format(_json_key(contract), fits, _table(contract)) + _where(
        [_with_keys(contract, keys)]
    )


def _json_key(contract: StreamContract) -> sql.Composable:
    if not contract.key:
        return sql.SQL("null::text")
    pairs = [sql.SQL("{}, {}").format(sql.Literal(name), sql.Identifier(name)) for name in contract.key]
    return sql.SQL("jsonb_build_object({})::text").format(sql.SQL(", ").join(pairs))


def _with_keys(contract: StreamContract, keys: Sequence[str]) -> sql.Composable:
    names = sql.SQL(", ").join(sql.Identifier(name) for name in contract.key)
    typed = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.source_type))
        for column in contract.key_columns
    )
    return sql.SQL("({names}) in (select {names} from jsonb_to_recordset({keys}::jsonb) as wanted({typed}))").format(
        names=names, keys=sql.Literal(f"[{','.join(keys)}]"), typed=typed
    )


def _select(
    contract: StreamContract, columns: tuple[Column, ...], conditions: Sequence[sql.Composable]
) -> sql.Composed:
    table = _table(contract)
    return sql.SQL("select {} from {}").format(select_list(columns), table) + _where(conditions)


def _where(conditions: Sequence[sql.Composable]) -> sql.Composable:
    return sql.SQL(" where ") + sql.SQL(" and ").join(conditions) if conditions else sql.SQL("")


def _in_window(contract: StreamContract, window: CursorRange | None) -> list[sql.Composable]:
    if window is None:
        return []
    name = sql.Identifier(contract.cursor_column.name)
    bounds: list[sql.Composable] = []
    if window.start is not None:
        bounds.append(sql.SQL("{} >= {}").format(name, window.start))
    if window.end is not None:
        bounds.append(sql.SQL("{} < {}").format(name, window.end))
    return bounds


def _in_blocks(blocks: Blocks) -> list[sql.Composable]:
    bounds: list[sql.Composable] = [sql.SQL("ctid >= {}::tid").format(sql.Literal(f"({blocks.start},0)"))]
    if blocks.end is not None:
        bounds.append(sql.SQL("ctid < {}::tid").format(sql.Literal(f"({blocks.end},0)")))
    return bounds


def _unsettled(contract: StreamContract, first: sql.Composable) -> sql.Composable:
    """Return the condition that a row is at or above `first`, or does not fit if the contract lets a batch omit such
    rows.
    """
    tests: list[sql.Composable] = [sql.SQL("{} >= {}").format(sql.Identifier(contract.cursor_column.name), first)]
    if contract.spec.may_refuse_records:
        misfits = [predicate for _, predicate in unrepresentable(contract.columns)]
        tests += [sql.SQL("coalesce({}, false)").format(_any(misfits))] if misfits else []
    return _any(tests)


def _any(predicates: Sequence[sql.Composable]) -> sql.Composable:
    return sql.SQL("({})").format(sql.SQL(" or ").join(predicates))


def moment(at: datetime) -> sql.Composable:
    """Return a moment as a literal, because COPY takes no parameters."""
    text = at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    return sql.SQL("timestamptz {}").format(sql.Literal(f"{text}+00"))


def local_moment(text: str) -> sql.Composable:
    """Return a local time, as Postgres prints it, as a literal."""
    return sql.SQL("timestamp {}").format(sql.Literal(text))


def _in_order(contract: StreamContract) -> sql.Composable:
    """Return the ORDER BY clause: by key, then by the text of the whole row, because not every type has an order."""
    shown = sql.SQL('row({})::text collate "C"').format(
        sql.SQL(", ").join(sql.Identifier(column.name) for column in contract.columns)
    )
    by: list[sql.Composable] = [sql.Identifier(name) for name in contract.key]
    if not (contract.key and contract.spec.key_enforced):
        by.append(shown)
    return sql.SQL(" order by {}").format(sql.SQL(", ").join(by))


def beyond(contract: StreamContract, first: sql.Composable, *, examples: int) -> sql.Composable:
    """Return a query of the rows whose cursor is at or above `first`: number, highest cursor, and `examples` keys."""
    name = sql.Identifier(contract.cursor_column.name)
    return sql.SQL(
        "with found as materialized (select {cursor} as at, {key} as key from {table} where {cursor} >= {first})"
        " select count(*), max(at)::text,"
        " (select array_agg(key) from (select key from found order by at desc, key limit {examples}) as latest)"
        " from found"
    ).format(
        cursor=name,
        key=_json_key(contract),
        table=_table(contract),
        first=first,
        examples=sql.Literal(examples),
    )


def _table(contract: StreamContract) -> sql.Composable:
    """Return the relation to read.

    It is ONLY the table itself if the contract leaves out tables that inherit from it.
    """
    only = contract.spec.child_tables is ChildTables.EXCLUDE
    return sql.SQL("only {}" if only else "{}").format(qualified(contract.source_object))

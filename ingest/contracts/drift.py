"""Compares a contract with its live source: the differences, and the effect of each.

Columns that were added or widened flow through: `adapted` returns the contract with the source's current columns. Any
other difference stops the stream before anything is landed, until somebody corrects the source or accepts the change.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial

from ingest.contracts.cursor_proof import why_not_moved
from ingest.contracts.introspect import LiveColumn, LiveTable
from ingest.contracts.model import Clock, Column, StreamContract
from ingest.contracts.names import folded, is_reserved
from ingest.contracts.types import TEXT, LandingType, SourceType, landing_type
from ingest.contracts.widening import widened_landing
from ingest.errors import AccessError, ConfigurationError, ContractError, SchemaDriftError
from ingest.schema_change import DriftKind, Effect, SchemaChange


@dataclass(frozen=True)
class Difference:
    """One difference between contract and source.

    `remark` explains the consequence if `effect` does not make it plain. `acceptable` says whether the contract can be
    updated to it. `error` is the class of error that a run raises for it. `column` is the source's column, if it is
    one.
    """

    kind: DriftKind
    subject: str
    expected: str
    found: str
    effect: Effect
    remark: str = ""
    acceptable: bool = True
    error: type[ConfigurationError] = SchemaDriftError
    column: str | None = None

    @property
    def change(self) -> SchemaChange:
        """This difference as a SchemaChange, the form that alerts and artifacts report."""
        return SchemaChange(
            subject=self.subject,
            kind=self.kind,
            column=self.column,
            expected=self.expected,
            found=self.found,
            effect=self.effect,
            remark=self.remark,
            acceptable=self.acceptable,
        )

    @property
    def breaking(self) -> bool:
        """Whether the stream stops before anything is landed."""
        return self.effect is Effect.STOPS

    def __str__(self) -> str:
        remark = f" ({self.remark})" if self.remark else ""
        return f"{self.subject}: the contract says {self.expected}, the source has {self.found}{remark}"


@dataclass(frozen=True)
class Adaptation:
    """The contract with the columns that the source has gained or widened, and the differences."""

    contract: StreamContract
    notices: tuple[str, ...]
    changes: tuple[SchemaChange, ...] = ()


def compare(contract: StreamContract, table: LiveTable | None) -> list[Difference]:
    """Return all differences between contract and table, beginning with those that stop the stream."""
    if table is None:
        remark = "correct physicalName if it was renamed"
        return [
            Difference(
                DriftKind.TABLE_MISSING,
                contract.source_object,
                "a table",
                "nothing of that name",
                Effect.STOPS,
                remark,
                False,
            )
        ]
    unreadable = _unreadable(table)
    if unreadable is not None:
        return [unreadable]
    if table.children and contract.spec.child_tables is None:
        return [_undecided(table)]
    table = table.read_with(contract.spec.child_tables)
    live = {column.name: column for column in table.columns}
    known = _names(contract)
    added = [column for column in table.columns if column.name not in known]
    found: list[Difference] = []
    for column in contract.columns:
        found.extend(_column_differences(contract, column, live.get(column.name), added))
    taken = {folded(name) for name in known}
    for new in added:
        if new.name not in contract.spec.excluded_columns:
            found.append(_added_difference(new, taken))
            taken.add(folded(new.name))
    found.extend(_key_differences(contract, table))
    found.extend(_cursor_differences(contract, table))
    return sorted(found, key=lambda difference: not difference.breaking)


def adapted(contract: StreamContract, table: LiveTable | None) -> Adaptation:
    """Return `contract` with the source's current columns. Raises SchemaDriftError naming each difference that stops
    it.
    """
    differences = compare(contract, table)
    breaking = [str(difference) for difference in differences if difference.breaking]
    if breaking or table is None:
        error = next(difference.error for difference in differences if difference.breaking)(
            "the source no longer matches its contract, nothing was landed: " + "; ".join(breaking) + ".",
            stream=contract.stream,
            hint="RAW and all that is built on it keep what was landed before; other streams go on. "
            + _way_out(contract, differences),
        )
        error.changes = _changes(differences)
        raise error
    live = {column.name: column for column in table.columns}
    known = _names(contract)
    columns = [_as_live(column, live[column.name]) for column in contract.columns]
    columns += [
        _as_column(column)
        for column in table.columns
        if column.name not in known and column.readable and column.name not in contract.spec.excluded_columns
    ]
    notices = tuple(str(difference) for difference in differences)
    return Adaptation(replace(contract, columns=tuple(columns)), notices, _changes(differences))


def _changes(differences: list[Difference]) -> tuple[SchemaChange, ...]:
    return tuple(difference.change for difference in differences)


def _way_out(contract: StreamContract, differences: list[Difference]) -> str:
    shows = f"`ingest contract check --stream {contract.stream}` shows all of it"
    if all(difference.acceptable for difference in differences if difference.breaking):
        return f"Correct the source, or accept the change: `ingest contract accept {contract.stream}` ({shows})."
    return f"Correct the source or the contract ({shows})."


def _unreadable(table: LiveTable) -> Difference | None:
    """Return the difference that says why this login does not see the whole table; None if it does."""
    schema = table.name.partition(".")[0]
    if not table.usable:
        remark = f'grant it: GRANT USAGE ON SCHEMA "{schema}" TO the login'
        return Difference(
            DriftKind.TABLE_HIDDEN,
            f"schema '{schema}'",
            "one to be read",
            "no USAGE privilege",
            Effect.STOPS,
            remark,
            False,
        )
    if not table.readable:
        found = "no SELECT privilege for this login"
        return Difference(
            DriftKind.TABLE_HIDDEN,
            table.name,
            "a table to be read",
            found,
            Effect.STOPS,
            "grant it, or remove the contract",
            False,
        )
    if table.hides_rows:
        return Difference(
            DriftKind.TABLE_HIDDEN,
            table.name,
            "a table to be read whole",
            "a row-level security policy that hides rows from this login",
            Effect.STOPS,
            "they would be taken for deleted: ALTER ROLE ... BYPASSRLS, or land a view that shows what it may see",
            acceptable=False,
            error=AccessError,
        )
    return None


def _undecided(table: LiveTable) -> Difference:
    return Difference(
        DriftKind.TABLE_HAS_CHILDREN,
        table.name,
        "nothing of child tables",
        f"rows of {', '.join(table.children)}, which inherit from it",
        Effect.STOPS,
        "no key and no trigger of it holds for them. Say in the contract whether they are landed: `childTables: "
        "exclude` leaves them out, `include` lands all rows whole, without a unique key (a draft: `ingest contract new "
        f"--force {shlex.quote(table.name)}`)",
        False,
    )


def landing_of(type_: str) -> LandingType:
    """Return the landing type of a column that no contract lists: by its source type, and text for an unknown type."""
    try:
        return landing_type(type_)
    except ContractError:
        return TEXT


def _names(contract: StreamContract) -> set[str]:
    return {column.name for column in contract.columns}


def _column_differences(
    contract: StreamContract, column: Column, live: LiveColumn | None, added: list[LiveColumn]
) -> list[Difference]:
    of_column = partial(_of_column, column.name)
    if live is None:
        likely = [item.name for item in added if same_type(item.type, column.source_type)]
        remark = f"was it renamed to '{likely[0]}'?" if len(likely) == 1 else ""
        return [of_column(DriftKind.COLUMN_MISSING, column.source_type, "no such column", Effect.STOPS, remark)]
    found = []
    if not live.readable:
        remark = "grant it, or move the column to excludedColumns"
        expected, has = "a column to be read", "no SELECT privilege for this login"
        found.append(of_column(DriftKind.COLUMN_HIDDEN, expected, has, Effect.STOPS, remark, False))
    if not same_type(live.type, column.source_type):
        wider = widened_landing(column.source_type, column.landing, live.type)
        kind = DriftKind.TYPE_CHANGED if wider is None else DriftKind.TYPE_WIDENED
        effect = Effect.STOPS if wider is None else Effect.FLOWS
        remark = "" if wider is None else "wider: it flows through"
        found.append(of_column(kind, column.source_type, live.type, effect, remark))
    has = "a column that may be null"
    if column.name == contract.spec.cursor and not live.not_null:
        found.append(of_column(DriftKind.NULL_ALLOWED, "NOT NULL (it is the cursor)", has, Effect.STOPS))
    elif column.required and not live.not_null:
        found.append(of_column(DriftKind.NULL_ALLOWED, "NOT NULL", has, Effect.STOPS))
    return found


def _of_column(
    name: str, kind: DriftKind, expected: str, found: str, effect: Effect, remark: str = "", acceptable: bool = True
) -> Difference:
    """Return a difference that is about one column."""
    return Difference(kind, f"column '{name}'", expected, found, effect, remark, acceptable, column=name)


def _added_difference(column: LiveColumn, taken: Collection[str]) -> Difference:
    added = partial(_of_column, column.name, DriftKind.COLUMN_ADDED, "nothing", column.type)
    if not column.readable:
        return added(Effect.NOTED, "not landed: this login has no SELECT privilege on it")
    if is_reserved(column.name) or folded(column.name) in taken:
        return added(Effect.STOPS, "RAW has that name already; rename the column, or name it in excludedColumns")
    remark = "new: it flows through"
    if column.looks_personal:
        remark += "; it looks like personal data, and is landed as any other: excludedColumns keeps it out"
    return added(Effect.FLOWS, remark)


def _key_differences(contract: StreamContract, table: LiveTable) -> list[Difference]:
    if not contract.key:
        return []  # the rows of such a stream are a multiset, whatever key holds for them
    expected = f"({', '.join(contract.key)})"
    if table.key and set(table.key) != set(contract.key):
        return [Difference(DriftKind.KEY_CHANGED, "primary key", expected, f"({', '.join(table.key)})", Effect.STOPS)]
    if table.key or not table.has_own_key:
        return []
    return [
        Difference(
            DriftKind.KEY_CHANGED,
            "primary key",
            expected,
            "no unique key",
            Effect.STOPS if contract.spec.key_enforced else Effect.NOTED,
            "two rows with the same key would be taken for versions of one",
        )
    ]


def _cursor_differences(contract: StreamContract, table: LiveTable) -> list[Difference]:
    """Return a difference if changes may leave the cursor as it was, because no run would see such a change."""
    spec = contract.spec
    if spec.cursor is not None and spec.cursor_zone is None and _is_local(spec.cursor, table):
        return [
            Difference(
                DriftKind.CURSOR_CHANGED,
                f"cursor '{spec.cursor}'",
                "no zone in which it is written",
                "a timestamp without one",
                Effect.STOPS,
                "name it in the contract, as in `cursorZone: America/New_York` (`UTC` where it is); the session's "
                "TimeZone decides what `now()` becomes",
                False,
            )
        ]
    if spec.cursor is None or spec.cursor_clock is not Clock.DATABASE or not spec.cursor_enforced:
        return []
    reason = why_not_moved(table, spec.cursor)
    if reason is None:
        return []
    return [
        Difference(
            DriftKind.CURSOR_CHANGED,
            f"cursor '{spec.cursor}'",
            "one that the database moves on every change",
            f"none that is proved to be: {reason}",
            Effect.NOTED,
            f"a change that leaves it is not seen; `ingest verify {contract.stream}` finds it, and `cursorEnforced: "
            "false` says that you know of none",
        )
    ]


def _is_local(cursor: str, table: LiveTable) -> bool:
    types = [column.type for column in table.columns if column.name == cursor]
    return any(SourceType.parse(name).name == "timestamp without time zone" for name in types)


def same_type(one: str, other: str) -> bool:
    """Return whether two spellings name one source type, as `int4` and `integer` do."""
    return str(SourceType.parse(one)) == str(SourceType.parse(other))


def _as_live(column: Column, live: LiveColumn) -> Column:
    """Return the column with the type that the source has widened it to."""
    if same_type(live.type, column.source_type):
        return column
    wider = widened_landing(column.source_type, column.landing, live.type)
    return replace(column, source_type=live.type, landing=wider or column.landing)


def _as_column(live: LiveColumn) -> Column:
    return Column(
        name=live.name,
        source_type=live.type,
        landing=landing_of(live.type),
        required=False,
        key_position=None,
        pii=live.looks_personal,
        description=live.comment or "",
    )

"""Contract against live source: what differs, and what becomes of it.

Columns that were added or widened flow through: `adapted` gives the contract as the source has it now. Everything
else stops the stream before anything is landed, until somebody corrects the source or accepts the change.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from ingest.contracts.cursor_proof import why_not_moved
from ingest.contracts.introspect import LiveColumn, LiveTable
from ingest.contracts.model import Clock, Column, StreamContract
from ingest.contracts.names import folded, is_reserved
from ingest.contracts.types import TEXT, LandingType, SourceType, landing_type
from ingest.contracts.widening import widened_landing
from ingest.errors import AccessError, ConfigurationError, ContractError, SchemaDriftError


class Effect(StrEnum):
    """The effect of a difference on the stream."""

    STOPS = "stops"
    FLOWS = "flows"
    NOTED = "noted"


@dataclass(frozen=True)
class Difference:
    """One difference. `remark` says what becomes of it, where that is not plain from `effect`; `acceptable`: whether
    the contract can be brought up to it; `error`: what a run raises for it."""

    subject: str
    expected: str
    found: str
    effect: Effect
    remark: str = ""
    acceptable: bool = True
    error: type[ConfigurationError] = SchemaDriftError

    @property
    def breaking(self) -> bool:
        """Whether the stream stops before anything is landed."""
        return self.effect is Effect.STOPS

    def __str__(self) -> str:
        remark = f" ({self.remark})" if self.remark else ""
        return f"{self.subject}: the contract says {self.expected}, the source has {self.found}{remark}"


@dataclass(frozen=True)
class Adaptation:
    """The contract with the columns that the source has gained or widened since, and the differences."""

    contract: StreamContract
    notices: tuple[str, ...]


def compare(contract: StreamContract, table: LiveTable | None) -> list[Difference]:
    """All differences, those that stop the stream first."""
    if table is None:
        remark = "correct physicalName if it was renamed"
        return [Difference(contract.source_object, "a table", "nothing of that name", Effect.STOPS, remark, False)]
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
    """`contract` as its source is now. Raises SchemaDriftError naming every difference that stops the stream."""
    differences = compare(contract, table)
    breaking = [str(difference) for difference in differences if difference.breaking]
    if breaking or table is None:
        raise next(difference.error for difference in differences if difference.breaking)(
            "the source no longer matches its contract, nothing was landed: " + "; ".join(breaking) + ".",
            stream=contract.stream,
            hint="RAW and all that is built on it keep what was landed before; other streams go on. "
            + _way_out(contract, differences),
        )
    live = {column.name: column for column in table.columns}
    known = _names(contract)
    columns = [_as_live(column, live[column.name]) for column in contract.columns]
    columns += [
        _as_column(column)
        for column in table.columns
        if column.name not in known and column.readable and column.name not in contract.spec.excluded_columns
    ]
    return Adaptation(replace(contract, columns=tuple(columns)), tuple(str(difference) for difference in differences))


def _way_out(contract: StreamContract, differences: list[Difference]) -> str:
    shows = f"`ingest contract check --stream {contract.stream}` shows all of it"
    if all(difference.acceptable for difference in differences if difference.breaking):
        return f"Correct the source, or accept the change: `ingest contract accept {contract.stream}` ({shows})."
    return f"Correct the source or the contract ({shows})."


def _unreadable(table: LiveTable) -> Difference | None:
    """The reason why this login does not see all of the table."""
    schema = table.name.partition(".")[0]
    if not table.usable:
        remark = f'grant it: GRANT USAGE ON SCHEMA "{schema}" TO the login'
        return Difference(f"schema '{schema}'", "one to be read", "no USAGE privilege", Effect.STOPS, remark, False)
    if not table.readable:
        found = "no SELECT privilege for this login"
        return Difference(
            table.name, "a table to be read", found, Effect.STOPS, "grant it, or remove the contract", False
        )
    if table.hides_rows:
        return Difference(
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
    """The landing of a column without contract: by its type, as text if the type is not known."""
    try:
        return landing_type(type_)
    except ContractError:
        return TEXT


def _names(contract: StreamContract) -> set[str]:
    return {column.name for column in contract.columns}


def _column_differences(
    contract: StreamContract, column: Column, live: LiveColumn | None, added: list[LiveColumn]
) -> list[Difference]:
    subject = f"column '{column.name}'"
    if live is None:
        likely = [item.name for item in added if same_type(item.type, column.source_type)]
        remark = f"was it renamed to '{likely[0]}'?" if len(likely) == 1 else ""
        return [Difference(subject, column.source_type, "no such column", Effect.STOPS, remark)]
    found = []
    if not live.readable:
        remark = "grant it, or move the column to excludedColumns"
        found.append(
            Difference(
                subject, "a column to be read", "no SELECT privilege for this login", Effect.STOPS, remark, False
            )
        )
    if not same_type(live.type, column.source_type):
        wider = widened_landing(column.source_type, column.landing, live.type)
        effect = Effect.STOPS if wider is None else Effect.FLOWS
        remark = "" if wider is None else "wider: it flows through"
        found.append(Difference(subject, column.source_type, live.type, effect, remark))
    if column.name == contract.spec.cursor and not live.not_null:
        found.append(Difference(subject, "NOT NULL (it is the cursor)", "a column that may be null", Effect.STOPS))
    elif column.required and not live.not_null:
        found.append(Difference(subject, "NOT NULL", "a column that may be null", Effect.STOPS))
    return found


def _added_difference(column: LiveColumn, taken: Collection[str]) -> Difference:
    subject = f"column '{column.name}'"
    if not column.readable:
        return Difference(
            subject, "nothing", column.type, Effect.NOTED, "not landed: this login has no SELECT privilege on it"
        )
    if is_reserved(column.name) or folded(column.name) in taken:
        remark = "RAW has that name already; rename the column, or name it in excludedColumns"
        return Difference(subject, "nothing", column.type, Effect.STOPS, remark)
    remark = "new: it flows through"
    if column.looks_personal:
        remark += "; it looks like personal data, and is landed as any other: excludedColumns keeps it out"
    return Difference(subject, "nothing", column.type, Effect.FLOWS, remark)


def _key_differences(contract: StreamContract, table: LiveTable) -> list[Difference]:
    if not contract.key:
        return []  # its rows are a multiset, whatever holds for them
    expected = f"({', '.join(contract.key)})"
    if table.key and set(table.key) != set(contract.key):
        return [Difference("primary key", expected, f"({', '.join(table.key)})", Effect.STOPS)]
    if table.key or not table.has_own_key:
        return []
    return [
        Difference(
            "primary key",
            expected,
            "no unique key",
            Effect.STOPS if contract.spec.key_enforced else Effect.NOTED,
            "two rows with the same key would be taken for versions of one",
        )
    ]


def _cursor_differences(contract: StreamContract, table: LiveTable) -> list[Difference]:
    """A cursor that changes may leave as it was: such a change would never be seen."""
    spec = contract.spec
    if spec.cursor is not None and spec.cursor_zone is None and _is_local(spec.cursor, table):
        return [
            Difference(
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
    """Whether two spellings are one source type: `int4` and `integer` are."""
    return str(SourceType.parse(one)) == str(SourceType.parse(other))


def _as_live(column: Column, live: LiveColumn) -> Column:
    """The column with the type that the source has widened it to."""
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

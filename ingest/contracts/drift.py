"""Contract against live source: what differs, and whether landing would alter or lose data."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.contracts.introspect import LiveColumn, LiveTable
from ingest.contracts.model import Column, StreamContract
from ingest.contracts.types import Kind, SourceType, landing_type
from ingest.errors import ContractError, SchemaDriftError


@dataclass(frozen=True)
class Difference:
    """One difference. A breaking one stops the stream before anything is landed."""

    subject: str
    expected: str
    found: str
    breaking: bool

    def __str__(self) -> str:
        return f"{self.subject}: the contract says {self.expected}, the source has {self.found}"


def compare(contract: StreamContract, table: LiveTable | None) -> list[Difference]:
    """All differences, breaking ones first."""
    if table is None:
        return [Difference(contract.source_object, "a table", "nothing of that name", breaking=True)]
    live = {column.name: column for column in table.columns}
    found: list[Difference] = []
    if not table.readable:
        found.append(Difference(table.name, "a table to be read", "no SELECT privilege for this login", breaking=True))
    for column in contract.columns:
        found.extend(_column_differences(column, live.get(column.name), is_cursor=column.name == contract.spec.cursor))
    contracted = {column.name for column in contract.columns}
    found.extend(
        Difference(
            f"column '{name}'", "nothing", f"{column.type} (not landed until the contract has it)", breaking=False
        )
        for name, column in live.items()
        if name not in contracted
    )
    if table.key and set(table.key) != set(contract.key):
        found.append(
            Difference("primary key", f"({', '.join(contract.key)})", f"({', '.join(table.key)})", breaking=True)
        )
    if not table.key and table.kind in ("table", "partitioned table"):
        found.append(
            Difference(
                "primary key",
                f"({', '.join(contract.key)})",
                "no unique key (two rows with the same key would be taken for versions of one)",
                breaking=False,
            )
        )
    return sorted(found, key=lambda difference: not difference.breaking)


def require_no_breaking_drift(contract: StreamContract, table: LiveTable | None) -> list[Difference]:
    """The harmless differences. Raises SchemaDriftError naming every breaking one."""
    differences = compare(contract, table)
    breaking = [str(difference) for difference in differences if difference.breaking]
    if breaking:
        raise SchemaDriftError(
            "the source no longer matches its contract, nothing was landed: " + "; ".join(breaking) + ".",
            stream=contract.stream,
            hint=f"See `ingest contract check --stream {contract.stream}`; correct the source or the contract.",
        )
    return differences


def _column_differences(column: Column, live: LiveColumn | None, *, is_cursor: bool) -> list[Difference]:
    subject = f"column '{column.name}'"
    if live is None:
        return [Difference(subject, column.source_type, "no such column", breaking=True)]
    found = []
    if str(SourceType.parse(live.type)) != str(SourceType.parse(column.source_type)):
        found.append(Difference(subject, column.source_type, live.type, breaking=not _lands_alike(column, live)))
    if is_cursor and not live.not_null:
        found.append(Difference(subject, "NOT NULL (it is the cursor)", "a column that may be null", breaking=True))
    elif column.required and not live.not_null:
        found.append(Difference(subject, "NOT NULL", "a column that may be null", breaking=False))
    return found


def _lands_alike(column: Column, live: LiveColumn) -> bool:
    """Whether another type still lands the same: `varchar(20)` made `text` does, `numeric` made `uuid` does not."""
    if column.landing.kind is not Kind.TEXT:
        return False
    family = {"text", "character varying", "character", "citext", "name"}
    names = {SourceType.parse(column.source_type).name, SourceType.parse(live.type).name}
    try:
        return names <= family and landing_type(live.type) == column.landing
    except ContractError:
        return False

"""Updates a contract to its live table: rewrites what drift has changed, and keeps every other line.

The version follows semantic versioning: added or widened columns raise the minor number, anything else the major one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ingest.contracts.author import property_of
from ingest.contracts.drift import Difference, compare, landing_of, same_type
from ingest.contracts.introspect import LiveColumn, LiveTable
from ingest.contracts.model import Column, StreamContract, StreamSpec
from ingest.contracts.parse import parse_contract
from ingest.contracts.types import Kind, SourceType
from ingest.contracts.widening import landing_widens
from ingest.contracts.yaml_edit import YamlText
from ingest.errors import ContractError
from ingest.schema_change import Effect

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True)
class Acceptance:
    """The new text of a contract's file, the contract it makes, and the differences that it settles."""

    text: str
    contract: StreamContract
    differences: tuple[Difference, ...]
    lands_whole: bool
    """Whether the stream had a cursor before, and has none now."""

    @property
    def is_major(self) -> bool:
        """Whether models that are built on the stream may break."""
        return any(difference.breaking for difference in self.differences)


def accept(text: str, contract: StreamContract, table: LiveTable | None) -> Acceptance | None:
    """Return the contract's file `text`, updated to `table`; None if there is no difference to accept.

    If the cursor is gone or may be null now, the stream becomes a snapshot stream. Raises ContractError if no contract
    can express the change (a column may not be read), or if RAW could not take it.
    """
    differences = [item for item in compare(contract, table) if item.effect is not Effect.NOTED]
    if not differences:
        return None
    if table is None:
        raise ContractError(
            f"there is no {contract.source_object} to accept",
            stream=contract.stream,
            hint="Correct its physicalName if it was renamed, or remove the contract.",
        )
    stuck = [str(item) for item in differences if item.breaking and not item.acceptable]
    if stuck:
        raise _cannot_be_said(contract, "; ".join(stuck))
    table = table.read_with(contract.spec.child_tables)
    edited = _edited(text, contract, table, differences)
    try:
        new = parse_contract(edited, origin="the contract as the source is now")
    except ContractError as error:
        raise _cannot_be_said(contract, error.message) from error
    left = [str(item) for item in compare(new, table) if item.breaking]
    if left:
        raise _cannot_be_said(contract, "; ".join(left))
    lands_whole = contract.spec.cursor is not None and new.spec.cursor is None
    return Acceptance(edited, new, tuple(differences), lands_whole)


def _cannot_be_said(contract: StreamContract, reason: str) -> ContractError:
    return ContractError(
        f"the change cannot be accepted as it is: {reason}",
        stream=contract.stream,
        hint=f"Correct the source, or edit the contract: `ingest contract check --stream {contract.stream}`.",
    )


def _edited(text: str, contract: StreamContract, table: LiveTable, differences: list[Difference]) -> str:
    document = YamlText(text, origin=f"the contract of {contract.stream}")
    document.replace(("version",), _bumped(contract, major=any(item.breaking for item in differences)))
    properties = document.items("schema", 0, "properties")
    key = (table.key or contract.key) if contract.key else ()
    live = {column.name: column for column in table.columns}
    for index, given in enumerate(properties):
        column = contract.column(given["name"])
        wanted = _rewritten(contract, column, given, live.get(column.name), key)
        if wanted is None:
            document.remove(("schema", 0, "properties", index))
        elif wanted != given:
            document.replace(("schema", 0, "properties", index), wanted)
    for found in table.columns:
        if found.name not in {given["name"] for given in properties} and _is_wanted(contract, found):
            document.append(("schema", 0, "properties"), property_of(found, key))
    if contract.key and table.has_own_key and not table.key and contract.spec.key_enforced:
        document.append(("schema", 0, "customProperties"), {"property": "keyEnforced", "value": False})
    if contract.spec.cursor is not None and _is_no_cursor(contract.spec, live.get(contract.spec.cursor)):
        _land_whole(document)
    return document.edited()


def _is_no_cursor(spec: StreamSpec, column: LiveColumn | None) -> bool:
    if column is None or not column.not_null:
        return True
    kind = SourceType.parse(column.type).name
    return not kind.startswith("timestamp") or (kind.endswith("without time zone") and spec.cursor_zone is None)


def _land_whole(document: YamlText) -> None:
    """Make the stream a snapshot stream. Without a cursor, only landing all rows in every run finds every change."""
    items = document.items("schema", 0, "customProperties")
    changed = {"mode": "snapshot", "deletes": "none"}
    gone = ("cursor", "cursorClock", "cursorZone", "cursorEnforced", "allowedLateness")
    for index, item in enumerate(items):
        place = ("schema", 0, "customProperties", index)
        if item["property"] in gone:
            document.remove(place)
        elif changed.get(item["property"], item["value"]) != item["value"]:
            document.replace(place, item | {"value": changed[item["property"]]})


def _is_wanted(contract: StreamContract, column: LiveColumn) -> bool:
    return column.readable and column.name not in contract.spec.excluded_columns


def _rewritten(
    contract: StreamContract, column: Column, given: dict[str, Any], live: LiveColumn | None, key: tuple[str, ...]
) -> dict[str, Any] | None:
    """Return the property for the column as it is now, with its handwritten text. Return None for a dropped column."""
    if live is None:
        return None
    drafted = property_of(live, key)
    wanted = dict(given)
    if not same_type(live.type, column.source_type):
        wanted["physicalType"] = live.type
        if "logicalType" in drafted:
            wanted["logicalType"] = drafted["logicalType"]
        if _must_stay_text(contract, column, live):
            others = [item for item in given.get("customProperties", []) if item.get("property") != "landAs"]
            wanted["customProperties"] = [*others, {"property": "landAs", "value": "text"}]
    if column.required and not live.not_null:
        wanted["required"] = False
    for name in ("primaryKey", "primaryKeyPosition"):
        if live.name in key and set(key) == set(contract.key):
            continue
        wanted.pop(name, None)
        if name in drafted:
            wanted[name] = drafted[name]
    return wanted


def _must_stay_text(contract: StreamContract, column: Column, live: LiveColumn) -> bool:
    """Return whether the new type must land as text so that RAW's column can take it.

    Raises ContractError if RAW's column could take no landing of it.
    """
    new = landing_of(live.type)
    if column.landing.kind is Kind.TEXT:
        return True
    if landing_widens(column.landing, new) or landing_widens(new, column.landing):
        return False
    raise ContractError(
        f"column '{column.name}' was {column.source_type} and is {live.type} now, which RAW's column cannot become",
        stream=contract.stream,
        hint="Land the table as another stream: "
        f"`ingest contract new {contract.source_object} --name {contract.stream}_2`, and remove this contract.",
    )


def _bumped(contract: StreamContract, *, major: bool) -> str:
    match = _VERSION.fullmatch(contract.version)
    if match is None:
        raise ContractError(
            f"version '{contract.version}' is no semantic version, so there is no next one",
            stream=contract.stream,
            hint="Write it as 1.0.0.",
        )
    return f"{int(match[1]) + 1}.0.0" if major else f"{match[1]}.{int(match[2]) + 1}.0"

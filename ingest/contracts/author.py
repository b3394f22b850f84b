"""Writes a contract for a table that nobody here has seen, from its catalog alone."""

from __future__ import annotations

import re
from typing import Any

from open_data_contract_standard.model import (
    CustomProperty,
    Description,
    OpenDataContractStandard,
    SchemaObject,
    SchemaProperty,
    ServiceLevelAgreementProperty,
)

from ingest.contracts.introspect import LiveColumn, LiveTable
from ingest.contracts.types import Kind, SourceType, landing_type
from ingest.errors import ContractError

_LOGICAL_TYPES = {
    Kind.BOOLEAN: "boolean",
    Kind.INT16: "integer",
    Kind.INT32: "integer",
    Kind.INT64: "integer",
    Kind.FLOAT32: "number",
    Kind.FLOAT64: "number",
    Kind.DECIMAL: "number",
    Kind.DATE: "date",
    Kind.TIMESTAMP: "timestamp",
    Kind.TIMESTAMPTZ: "timestamp",
    Kind.TEXT: "string",
    Kind.BINARY: "string",
}
_TEXT_FORMS = {"numeric": "number", "json": "object", "jsonb": "object"}
_UPDATED = re.compile(r"^(last_?)?(updated?|modified|changed|mod)(_?(at|on|time|date|ts|timestamp))?$", re.IGNORECASE)


def stream_name(table: str) -> str:
    """A stream's name for `schema.table`: lower case, anything unusual made `_`."""
    name = re.sub(r"[^a-z0-9]+", "_", table.partition(".")[2].lower() or table.lower()).strip("_")
    return name if name[:1].isalpha() else f"t_{name}"


def draft_contract(
    table: LiveTable, *, prefix: str = "inventory", key: tuple[str, ...] = (), stream: str | None = None
) -> str:
    """The YAML of a contract for `table`; its stream is called `stream`, or after the table.

    Raises ContractError where no key is found or given.

    Only a cursor that every update is sure to move is used: a `timestamptz NOT NULL` column with a name such as
    `updated_at`, a default of `now()` and a row trigger that sets it before each update. A column that merely looks
    like one is named in `likelyCursor`, and the table is landed whole until somebody decides.
    """
    stream = stream or stream_name(table.name)
    columns = {column.name: column for column in table.columns}
    unknown = [name for name in key if name not in columns]
    if unknown:
        raise ContractError(f"{table.name} has no column '{unknown[0]}'", hint=f"It has: {', '.join(columns)}.")
    if key and table.key and set(key) != set(table.key):
        raise ContractError(f"{table.name} has the key ({', '.join(table.key)})", hint="Leave out --key.")
    key = key or table.key
    if not key:
        raise ContractError(
            f"{table.name} ({table.kind}) has no primary key and no unique key without nulls",
            hint="Name the identifying column(s): --key COLUMN[,COLUMN].",
        )
    likely = next((column for column in table.columns if _looks_like_cursor(column)), None)
    trusted = likely is not None and _is_moved_by_database(likely, table)
    document = OpenDataContractStandard(
        apiVersion="v3.2.0",
        kind="DataContract",
        id=stream,
        name=stream.replace("_", " ").capitalize(),
        version="1.0.0",
        status="draft",
        description=Description(purpose=table.comment or f"{table.kind.capitalize()} {table.name}."),
        schema=[
            SchemaObject(
                name=stream,
                physicalName=table.name,
                physicalType=table.kind,
                description=table.comment or f"{table.kind.capitalize()} {table.name}.",
                dataGranularityDescription=f"One row per {', '.join(key)}.",
                properties=[_property(column, key) for column in table.columns],
                customProperties=_custom(_spec(table, prefix, likely, trusted=trusted)),
            )
        ],
        slaProperties=[ServiceLevelAgreementProperty(property="latency", value=24, unit="h", element=stream)],
    )
    return document.to_yaml()


def property_of(column: LiveColumn, key: tuple[str, ...]) -> dict[str, Any]:
    """One column as a property of the contract's schema object, `key` being the primary key."""
    drafted: dict[str, Any] = _property(column, key).model_dump(exclude_none=True, by_alias=True)
    return drafted


def _spec(table: LiveTable, prefix: str, likely: LiveColumn | None, *, trusted: bool) -> dict[str, Any]:
    spec: dict[str, Any] = {"source": "postgres", "prefix": prefix}
    if likely is not None and trusted:
        spec |= {"mode": "incremental", "cursor": likely.name, "cursorClock": "database", "deletes": "keys"}
    else:
        spec |= {"mode": "snapshot", "deletes": "none"}
        if likely is not None:
            spec["likelyCursor"] = likely.name
    if table.has_own_key and not table.key:
        spec["keyEnforced"] = False
    return spec | {"maxQuarantineRatio": 0.0}


def _looks_like_cursor(column: LiveColumn) -> bool:
    return bool(_UPDATED.match(column.name)) and column.type.startswith("timestamp")


def _is_moved_by_database(column: LiveColumn, table: LiveTable) -> bool:
    default = (column.default or "").lower()
    has_clock = default.startswith(("now()", "current_timestamp", "transaction_timestamp()"))
    return (
        SourceType.parse(column.type).name == "timestamp with time zone"
        and column.not_null
        and has_clock
        and any(_sets(code, column.name) for code in table.update_triggers)
    )


def _sets(code: str, column: str) -> bool:
    """Whether a trigger's code names `column` of the new row."""
    return bool(re.search(rf'\bnew\s*\.\s*"?{re.escape(column)}(?!\w)', code, re.IGNORECASE))


def _property(column: LiveColumn, key: tuple[str, ...]) -> SchemaProperty:
    source = SourceType.parse(column.type)
    try:
        logical = _LOGICAL_TYPES[landing_type(column.type).kind]
        custom = None
    except ContractError:
        logical = "string"
        custom = _custom({"landAs": "text"})
    if source.array:
        logical = "array"
    return SchemaProperty(
        name=column.name,
        description=column.comment,
        logicalType=_TEXT_FORMS.get(source.name, logical) if not source.array else logical,
        physicalType=column.type,
        required=column.not_null,
        primaryKey=True if column.name in key else None,
        primaryKeyPosition=key.index(column.name) + 1 if column.name in key else None,
        classification="pii" if column.looks_personal else None,
        customProperties=custom,
    )


def _custom(values: dict[str, Any]) -> list[CustomProperty]:
    return [CustomProperty(property=name, value=value) for name, value in values.items()]

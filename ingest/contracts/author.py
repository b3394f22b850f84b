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

from ingest.contracts.cursor_proof import why_not_moved
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
_CLOCK_DEFAULTS = frozenset(
    {"now()", "current_timestamp", "transaction_timestamp()", "statement_timestamp()", "clock_timestamp()"}
)
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

    Only a cursor that every update is proved to move is used: a `timestamptz NOT NULL` column with a name such as
    `updated_at`, a default of the database's clock, and triggers that set it before each update (`cursor_proof`). A
    column that merely looks like one is named in `likelyCursor`, with the reason, and the table is landed whole until
    somebody decides.
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
    likely = _likely_cursor(table)
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
                customProperties=_spec(table, prefix, likely),
            )
        ],
        slaProperties=[ServiceLevelAgreementProperty(property="latency", value=24, unit="h", element=stream)],
    )
    return document.to_yaml()


def property_of(column: LiveColumn, key: tuple[str, ...]) -> dict[str, Any]:
    """One column as a property of the contract's schema object, `key` being the primary key."""
    drafted: dict[str, Any] = _property(column, key).model_dump(exclude_none=True, by_alias=True)
    return drafted


def cursor_doubt(table: LiveTable) -> str | None:
    """Why the column that looks like a cursor is not relied on; None where it is, or where none looks like one."""
    likely = _likely_cursor(table)
    return _why_not_trusted(likely, table) if likely is not None else None


def _spec(table: LiveTable, prefix: str, likely: LiveColumn | None) -> list[CustomProperty]:
    doubt = cursor_doubt(table)
    spec: dict[str, Any] = {"source": "postgres", "prefix": prefix}
    if likely is not None and doubt is None:
        spec |= {"mode": "incremental", "cursor": likely.name, "cursorClock": "database", "deletes": "keys"}
    else:
        spec |= {"mode": "snapshot", "deletes": "none"}
    if table.has_own_key and not table.key:
        spec["keyEnforced"] = False
    properties = _custom(spec | {"maxQuarantineRatio": 0.0})
    if likely is not None and doubt is not None:
        properties.append(CustomProperty(property="likelyCursor", value=likely.name, description=doubt))
    return properties


def _likely_cursor(table: LiveTable) -> LiveColumn | None:
    return next((column for column in table.columns if _looks_like_cursor(column)), None)


def _looks_like_cursor(column: LiveColumn) -> bool:
    return bool(_UPDATED.match(column.name)) and column.type.startswith("timestamp")


def _why_not_trusted(column: LiveColumn, table: LiveTable) -> str | None:
    """Why `column` is no cursor to rely on; None where it is proved to be one."""
    if SourceType.parse(column.type).name != "timestamp with time zone":
        return f"it is {column.type}, which names no moment without a zone"
    if not column.not_null:
        return "it may be null"
    if (column.default or "").lower() not in _CLOCK_DEFAULTS:
        return f"its default is {column.default or 'missing'}, not now()"
    return why_not_moved(table, column.name)


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

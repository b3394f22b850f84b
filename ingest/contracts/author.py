"""Writes a contract for an unknown table from its catalog alone."""

from __future__ import annotations

import hashlib
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
from ingest.contracts.model import ChildTables
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
    """Return a stream's name for `schema.table`: lower case, other scripts in Latin letters, anything unusual made `_`.

    A name of which nothing is left that way has a digest of itself instead.
    """
    from slugify import slugify

    own = table.partition(".")[2] or table
    name = slugify(own, separator="_", entities=False, decimal=False, hexadecimal=False)
    if not name:
        return f"t_{hashlib.sha256(own.encode()).hexdigest()[:8]}"
    return name if name[:1].isalpha() else f"t_{name}"


def draft_contract(
    table: LiveTable,
    *,
    prefix: str = "inventory",
    key: tuple[str, ...] = (),
    stream: str | None = None,
    children: ChildTables = ChildTables.INCLUDE,
) -> str:
    """Return the YAML of a contract for `table`; its stream is called `stream`, or after the table.

    A table without a key, and one whose `children` are included, is landed whole, its rows a multiset. Raises
    ContractError for a table that cannot be read or has no columns, and for a `key` that cannot be one.

    Only a cursor that every update is proved to move is used: a `timestamptz NOT NULL` column with a name such as
    `updated_at`, a default of the database's clock, and triggers that set it before each update (`cursor_proof`). A
    column that merely looks like one is named in `likelyCursor`, with the reason, and the table is landed whole until
    somebody decides.
    """
    stream = stream or stream_name(table.name)
    if not table.usable:
        schema = table.name.partition(".")[0]
        raise ContractError(
            f"this login may not use the schema '{schema}'", hint=f'Run: GRANT USAGE ON SCHEMA "{schema}" TO it.'
        )
    if not table.columns:
        raise ContractError(f"{table.name} has no columns, so that there is nothing to land")
    columns = {column.name: column for column in table.columns}
    unknown = [name for name in key if name not in columns]
    if unknown:
        raise ContractError(f"{table.name} has no column '{unknown[0]}'", hint=f"It has: {', '.join(columns)}.")
    if len(set(key)) < len(key):
        twice = next(name for name in key if key.count(name) > 1)
        raise ContractError(f"--key names '{twice}' twice")
    table = table.read_with(children)
    if key and table.key and set(key) != set(table.key):
        raise ContractError(f"{table.name} has the key ({', '.join(table.key)})", hint="Leave out --key.")
    key = key or table.key
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
                dataGranularityDescription=_grain(key),
                properties=[_property(column, key) for column in table.columns],
                customProperties=_spec(table, prefix, likely, key, children),
            )
        ],
        slaProperties=[ServiceLevelAgreementProperty(property="latency", value=24, unit="h", element=stream)],
    )
    return document.to_yaml()


def _grain(key: tuple[str, ...]) -> str:
    if key:
        return f"One row per {', '.join(key)}."
    return "As at the source, where no key distinguishes rows: equal rows are as many."


def property_of(column: LiveColumn, key: tuple[str, ...]) -> dict[str, Any]:
    """Return one column as a property of the contract's schema object, `key` being the primary key."""
    drafted: dict[str, Any] = _property(column, key).model_dump(exclude_none=True, by_alias=True)
    return drafted


def cursor_doubt(table: LiveTable) -> str | None:
    """Return why the column that looks like a cursor is not trusted. Return None if it is trusted, or if no column
    looks so.
    """
    likely = _likely_cursor(table)
    return _why_not_trusted(likely, table) if likely is not None else None


def _spec(
    table: LiveTable, prefix: str, likely: LiveColumn | None, key: tuple[str, ...], children: ChildTables
) -> list[CustomProperty]:
    doubt = cursor_doubt(table)
    spec: dict[str, Any] = {"source": "postgres", "prefix": prefix}
    whole = not key or (bool(table.children) and children is ChildTables.INCLUDE)
    if likely is not None and doubt is None and not whole:
        spec |= {"mode": "incremental", "cursor": likely.name, "cursorClock": "database", "deletes": "keys"}
    else:
        spec |= {"mode": "snapshot", "deletes": "none"}
    if key and table.has_own_key and not table.key:
        spec["keyEnforced"] = False
    if table.children:
        spec["childTables"] = children.value
    properties = _custom(spec | {"maxQuarantineRatio": 0.0})
    if likely is not None and doubt is not None:
        properties.append(CustomProperty(property="likelyCursor", value=likely.name, description=doubt))
    return properties


def _likely_cursor(table: LiveTable) -> LiveColumn | None:
    return next((column for column in table.columns if _looks_like_cursor(column)), None)


def _looks_like_cursor(column: LiveColumn) -> bool:
    return bool(_UPDATED.match(column.name)) and column.type.startswith("timestamp")


def _why_not_trusted(column: LiveColumn, table: LiveTable) -> str | None:
    """Return why `column` is not trusted as a cursor; None if it is proved to be one."""
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

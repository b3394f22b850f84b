"""Parses a contract's file (Open Data Contract Standard v3 YAML), and refuses a contract that cannot be kept."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from open_data_contract_standard.model import CustomProperty, OpenDataContractStandard, SchemaObject, SchemaProperty
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from common.yaml_text import load_yaml
from ingest.contracts.model import Column, Mode, RecordField, StreamContract, StreamSpec
from ingest.contracts.names import folded, is_reserved
from ingest.contracts.types import Kind, landing_type
from ingest.errors import ContractError, first_problem

_STREAM_NAME = re.compile(r"[a-z][a-z0-9_]*")


def parse_contract(text: str, *, origin: str) -> StreamContract:
    """Return a contract from its YAML text. Raises ContractError naming `origin` and the place in it."""
    try:
        contract = _contract(_document(text), sha256=hashlib.sha256(text.encode()).hexdigest())
        _check(contract)
    except ContractError as error:
        raise ContractError(f"{origin}: {error.message}", hint=error.hint) from error
    return contract


def load_contract(path: Path) -> StreamContract:
    """Return the contract in the file `path`. Raises ContractError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ContractError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ContractError(f"{path} is not UTF-8 text: {error}") from error
    return parse_contract(text, origin=str(path))


def _document(text: str) -> OpenDataContractStandard:
    try:
        content = load_yaml(text)
    except yaml.YAMLError as error:
        raise ContractError(f"this is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ContractError("this is not a YAML mapping")
    try:
        return OpenDataContractStandard.model_validate(content)
    except ValidationError as error:
        raise ContractError(f"this is not an ODCS v3 contract: {first_problem(error)}") from error


def _contract(document: OpenDataContractStandard, *, sha256: str) -> StreamContract:
    if not document.schema_ or len(document.schema_) != 1:
        raise ContractError("a contract here describes exactly one schema object, its stream")
    schema = document.schema_[0]
    stream = schema.name or document.id or ""
    return StreamContract(
        stream=stream,
        version=document.version or "",
        sha256=sha256,
        title=document.name or stream,
        description=" ".join((schema.description or "").split()),
        grain=" ".join((schema.dataGranularityDescription or "").split()),
        source_object=schema.physicalName or stream,
        spec=_spec(schema),
        columns=tuple(_column(item, position) for position, item in enumerate(schema.properties or [], 1)),
        record_fields=_record_fields(schema.properties or []),
        freshness=_freshness(document),
    )


def _spec(schema: SchemaObject) -> StreamSpec:
    given = _custom(schema.customProperties, "customProperties")
    known = [to_camel(name) for name in StreamSpec.model_fields]
    for name in given.keys() - set(known):
        raise ContractError(f"customProperties: '{name}' is not known", hint=f"Known are: {', '.join(known)}.")
    try:
        return StreamSpec.model_validate(given)
    except ValidationError as error:
        raise ContractError(f"customProperties: {first_problem(error)}") from error


def _column(item: SchemaProperty, position: int) -> Column:
    if not item.name:
        raise ContractError(f"column {position} has no name")
    place = f"column '{item.name}'"
    if not item.physicalType:
        raise ContractError(f"{place} has no physicalType", hint="It is the type at the source, such as numeric(12,2).")
    own = _custom(item.customProperties, place)
    for name in own.keys() - {"landAs"}:
        raise ContractError(f"{place}: the custom property '{name}' is not known", hint="A column has landAs alone.")
    try:
        landing = landing_type(item.physicalType, land_as=own.get("landAs"))
    except ContractError as error:
        raise ContractError(f"{place}: {error.message}", hint=error.hint) from error
    return Column(
        name=item.name,
        source_type=item.physicalType,
        landing=landing,
        required=bool(item.required),
        key_position=(item.primaryKeyPosition or 1) if item.primaryKey else None,
        pii=item.classification == "pii",
        description=" ".join((item.description or "").split()),
    )


def _custom(properties: list[CustomProperty] | None, place: str) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for item in properties or []:
        name = item.property or ""
        if name in given:
            raise ContractError(f"{place}: '{name}' is given twice")
        given[name] = item.value
    return given


def _record_fields(properties: list[SchemaProperty]) -> tuple[RecordField, ...]:
    nested = [field for item in properties if item.name == "payload" for field in item.properties or []]
    return tuple(map(_record_field, nested))


def _record_field(field: SchemaProperty) -> RecordField:
    return RecordField(
        name=field.name or "",
        logical_type=field.logicalType or "string",
        required=bool(field.required),
        enum=tuple(str(entry.value) for entry in field.enum or []),
        landing=landing_type(field.physicalType) if field.physicalType else None,
        fields=tuple(map(_record_field, field.properties or [])),
        items=(field.items.logicalType or "") if field.items else "",
    )


def _freshness(document: OpenDataContractStandard) -> timedelta | None:
    units = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
    for sla in document.slaProperties or []:
        if sla.property == "latency" and sla.value is not None:
            unit = units.get(sla.unit or "")
            if unit is None:
                raise ContractError(f"slaProperties: the latency's unit must be one of {', '.join(units)}")
            try:
                return timedelta(**{unit: float(sla.value)})
            except (TypeError, ValueError, OverflowError):
                raise ContractError(
                    f"slaProperties: the latency is '{sla.value}', which is no length of time"
                ) from None
    return None


def _check(contract: StreamContract) -> None:
    if not _STREAM_NAME.fullmatch(contract.stream):
        raise ContractError(
            f"stream name '{contract.stream}' must be lower-case letters a to z, digits and _, letter first"
        )
    if not contract.version:
        raise ContractError("the contract has no version")
    _check_names(contract)
    if not contract.key and contract.spec.mode is not Mode.SNAPSHOT:
        raise ContractError(
            "the contract has no primary key, and without one the versions of a row cannot be distinguished",
            hint="Mark the identifying column(s) `primaryKey: true`, or land the table whole: mode 'snapshot'.",
        )
    for column in contract.key_columns:
        if column.landing.kind is Kind.BINARY:
            raise ContractError(f"key column '{column.name}' is binary, which no warehouse here joins on")
    if contract.spec.cursor is not None:
        _check_cursor(contract, contract.spec.cursor)


def _check_names(contract: StreamContract) -> None:
    both = [column.name for column in contract.columns if column.name in contract.spec.excluded_columns]
    if both:
        raise ContractError(f"column '{both[0]}' is described, and among excludedColumns too")
    seen: dict[str, str] = {}
    for column in contract.columns:
        if is_reserved(column.name):
            raise ContractError(f"column '{column.name}' is called like one that the platform adds")
        clash = seen.setdefault(folded(column.name), column.name)
        if clash != column.name:
            raise ContractError(
                f"columns '{clash}' and '{column.name}' differ only in case, which no warehouse here distinguishes"
            )
    if len(seen) < len(contract.columns):
        names = [column.name for column in contract.columns]
        twice = next(name for name in names if names.count(name) > 1)
        raise ContractError(f"two columns are called '{twice}'")


def _check_cursor(contract: StreamContract, name: str) -> None:
    if name not in {column.name for column in contract.columns}:
        raise ContractError(
            f"cursor '{name}': there is no such column", hint="Add it to the properties, or correct the cursor."
        )
    column = contract.column(name)
    if column.landing.kind not in (Kind.TIMESTAMPTZ, Kind.TIMESTAMP):
        raise ContractError(f"cursor '{name}' is {column.source_type}; a cursor is a timestamp column")
    if contract.spec.cursor_zone is not None and column.landing.kind is Kind.TIMESTAMPTZ:
        raise ContractError(f"cursor '{name}' has a zone of its own", hint="Leave out cursorZone.")
    if not column.required:
        raise ContractError(
            f"cursor '{name}' may be null, and a row without a cursor would never be read",
            hint="Make it NOT NULL and `required: true`, or use mode 'snapshot'.",
        )

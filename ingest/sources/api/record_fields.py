"""The values that a record's fields may hold: values that DuckDB and Snowflake read alike.

A msgspec struct checks the types. It accepts a member that is given twice, of which readers take different values:
msgspec and Snowflake the last, DuckDB the first. Such a record is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from ingest import moments
from ingest.contracts.model import RecordField
from ingest.contracts.types import Kind, LandingType
from ingest.errors import ContractError
from ingest.sources.api import json_scanner

_TYPES: dict[str, Any] = {
    "string": str,
    "timestamp": Annotated[str, msgspec.Meta(pattern=moments.PATTERN)],
    "date": date,
    "integer": Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)],
    "number": float,
    "boolean": bool,
    "object": dict[str, msgspec.Raw],
    "array": list[msgspec.Raw],
}
_TEXTS = ("string", "timestamp", "date")
_NO_TEXTS = ("integer", "number", "boolean")
_BITS = {Kind.INT16: 16, Kind.INT32: 32, Kind.INT64: 64}
# A member's name with an unneeded escape. The search for names given twice compares spellings.
_ESCAPE_IN_A_NAME = re.compile(rb'\\(?:[^"\\]++|\\.)*+"[ \t\r\n]*+:', re.DOTALL)


_Getter = Callable[[Any], Any]
_ESCAPED_MARK = b'\\"'


@dataclass(frozen=True)
class _Marks:
    """The number of quotation marks in records that have each of their fields once, and no other member.

    `always` counts the marks of required fields. `texts` read an optional field that is a text if it is given, `others`
    one that is a number or a boolean, `objects` one whose own fields are known. `certain` is False if a field may hold
    any value.
    """

    always: int
    texts: tuple[_Getter, ...]
    others: tuple[_Getter, ...]
    objects: tuple[tuple[_Getter, Shape], ...]
    certain: bool

    def of(self, decoded: Sequence[Any]) -> int | None:
        """Return the number of quotation marks in the records `decoded`; None if it is not certain."""
        if not self.certain:
            return None
        count = self.always * len(decoded)
        for get in self.texts:
            given = [value for value in map(get, decoded) if value is not UNSET]
            count += 4 * len(given) - 2 * given.count(None)
        for get in self.others:
            count += 2 * sum(value is not UNSET for value in map(get, decoded))
        for get, shape in self.objects:
            given = [value for value in map(get, decoded) if value is not UNSET]
            within = shape.marks.of([value for value in given if value is not None])
            if within is None:
                return None
            count += 2 * len(given) + within
        return count


@dataclass(frozen=True)
class Shape:
    """The fields of an object as a struct.

    Its attributes are numbered, because a field's name may be no attribute's name.
    """

    struct: type
    attributes: dict[str, str]
    inner: dict[str, Shape]
    marks: _Marks

    def given_twice(self, record: bytes) -> str | None:
        """Return the path of a field that `record`, an object, gives more than once; None if there is none."""
        seen: set[str] = set()
        for quoted, value in json_scanner.members(record):
            name = msgspec.json.decode(quoted)
            if name not in self.attributes:
                continue
            if name in seen:
                return str(name)
            seen.add(name)
            if name in self.inner and value.startswith(b"{") and (path := self.inner[name].given_twice(value)):
                return f"{name}.{path}"
        return None

    def each_given_once(self, page: bytes, decoded: Sequence[Any]) -> bool:
        """Return whether no field is given twice in `page`, whose records are `decoded`. Return False if that is in
        doubt.

        Each member has two quotation marks around its name. If a page has exactly as many as its records' fields need,
        it holds no member twice and no unknown member. Otherwise, a field that stands in the page as often as records
        have it stands in each of them once.
        """
        has_escapes = b"\\" in page
        marks = None if has_escapes and _ESCAPED_MARK in page else self.marks.of(decoded)
        if marks is not None and page.count(b'"') == marks:
            return True
        if has_escapes and _ESCAPE_IN_A_NAME.search(page):
            return False
        wanted: dict[str, int] = {}
        for name, count in self._counts(decoded):
            wanted[name] = wanted.get(name, 0) + count
        return all(page.count(msgspec.json.encode(name)) == count for name, count in wanted.items())

    def _counts(self, decoded: Sequence[Any]) -> Iterator[tuple[str, int]]:
        for name, attribute in self.attributes.items():
            given = [value for value in map(attrgetter(attribute), decoded) if value is not UNSET]
            yield name, len(given)
            if name in self.inner:
                yield from self.inner[name]._counts([value for value in given if value is not None])


def shape(stream: str, fields: Sequence[RecordField]) -> Shape:
    """Return the shape of a record with these fields. Raises ContractError for a field that cannot be checked."""
    inner = {field.name: shape(stream, field.fields) for field in fields if field.fields}
    attributes = {field.name: f"field_{number}" for number, field in enumerate(fields)}
    members = []
    for field in sorted(fields, key=lambda field: not field.required):
        kind = inner[field.name].struct if field.name in inner else _kind(field)
        name = attributes[field.name]
        members.append((name, kind) if field.required else (name, kind | None | UnsetType, UNSET))
    renamed = {attribute: name for name, attribute in attributes.items()}
    marks = _marks(fields, attributes, inner)
    try:
        return Shape(msgspec.defstruct(stream, members, rename=renamed, gc=False), attributes, inner, marks)
    except ValueError as error:
        raise ContractError(f"a field's name cannot be read from JSON: {error}", stream=stream) from error


def _marks(fields: Sequence[RecordField], attributes: dict[str, str], inner: dict[str, Shape]) -> _Marks:
    plain = [field for field in fields if field.name not in inner]
    get = {field.name: attrgetter(attributes[field.name]) for field in fields}
    texts = [field for field in plain if field.enum or field.logical_type in _TEXTS]
    others = [field for field in plain if not field.enum and field.logical_type in _NO_TEXTS]
    return _Marks(
        always=4 * sum(field.required for field in texts) + 2 * sum(field.required for field in others),
        texts=tuple(get[field.name] for field in texts if not field.required),
        others=tuple(get[field.name] for field in others if not field.required),
        objects=tuple((get[name], shape) for name, shape in inner.items()),
        certain=len(texts) + len(others) == len(plain),
    )


def _kind(field: RecordField) -> Any:
    if field.logical_type not in _TYPES:
        raise ContractError(f"field '{field.name}' has the unknown logicalType '{field.logical_type}'")
    if field.enum:
        return Literal[field.enum]
    if field.items:
        return list[_kind(replace(field, logical_type=field.items, items=""))]  # type: ignore[misc]
    if field.landing is None:
        return _TYPES[field.logical_type]
    fitting = _FITTING.get(field.logical_type)
    checked = fitting(field.landing) if fitting else None
    if checked is None:
        raise ContractError(
            f"field '{field.name}': nothing checks that a {field.logical_type} fits {field.landing}",
            hint="Leave its physicalType out; or let a string be numeric(p,s), an integer smallint, integer or bigint.",
        )
    return checked


def _fitting_text(landing: LandingType) -> Any:
    """Return the type of a text that is a number of this decimal type, to the digit."""
    if landing.kind is Kind.TEXT:
        return str
    if landing.kind is not Kind.DECIMAL or landing.precision is None or landing.scale is None:
        return None
    before, after = landing.precision - landing.scale, landing.scale
    whole = f"0{{0,9}}[0-9]{{{min(before, 1)},{before}}}"
    fraction = rf"(\.[0-9]{{1,{after}}}0{{0,9}})?" if after else ""
    return Annotated[str, msgspec.Meta(pattern=f"^-?{whole}{fraction}$(?!\n)")]


def _fitting_integer(landing: LandingType) -> Any:
    bits = _BITS.get(landing.kind)
    return Annotated[int, msgspec.Meta(ge=-(2 ** (bits - 1)), le=2 ** (bits - 1) - 1)] if bits else None


_FITTING: dict[str, Callable[[LandingType], Any]] = {"string": _fitting_text, "integer": _fitting_integer}

"""The parameters of the deployments as JSON schemas: the forms of Prefect's UI, and the API's validation.

The UI of Prefect 2.20.4 shows `properties` in the order of `position`. A run cannot change the parameters that its
deployment fixes: they stand in `patternProperties`, which the form does not show. The API checks no format, so a time
has a pattern.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ingest.run.window import MOMENT_PATTERN

Schema = dict[str, Any]


def form(
    fields: Mapping[str, Schema],
    *,
    required: Sequence[str] = (),
    fixed: Mapping[str, object] | None = None,
    together: Sequence[str] = (),
) -> Schema:
    """Return a form of these fields, in their order. Any other parameter is refused, except `fixed` ones with their
    values.

    The fields in `together` are accepted only together.
    """
    schema: Schema = {
        "title": "Parameters",
        "type": "object",
        "properties": {name: {**field, "position": index} for index, (name, field) in enumerate(fields.items())},
        "additionalProperties": False,
    }
    if required:  # the API accepts no empty list
        schema["required"] = list(required)
    if together:
        others = {name: [other for other in together if other != name] for name in together}
        schema["dependentRequired"] = others
    if fixed:
        schema["patternProperties"] = {f"^{name}$": {"const": value} for name, value in fixed.items()}
    return schema


def fields_of(
    model: type[BaseModel], names: Sequence[str], streams: Sequence[str], *, required: Sequence[str] = ()
) -> dict[str, Schema]:
    """Return the form's fields for these parameters of a flow.

    A list chooses among `streams`, and a text is a moment.
    """
    return {name: _field(model.model_fields[name], streams, required=name in required) for name in names}


def _field(field: FieldInfo, streams: Sequence[str], *, required: bool) -> Schema:
    title, description = field.title or "", field.description or ""
    default = field.get_default(call_default_factory=True)
    if isinstance(default, bool):
        return switch(title, description, default=default)
    if isinstance(default, list):
        return choice(title, description, streams, required=required)
    return time(title, description)


def choice(title: str, description: str, names: Sequence[str], *, required: bool = False) -> Schema:
    """Return a field that selects some of `names`: at least one if it is required, otherwise none by default."""
    field: Schema = {
        "title": title,
        "description": description,
        "type": "array",
        "items": {"type": "string", "enum": list(names)},
        "uniqueItems": True,
    }
    return {**field, "minItems": 1} if required else {**field, "default": []}


def switch(title: str, description: str, *, default: bool = False) -> Schema:
    """Return a yes-or-no field."""
    return {"title": title, "description": description, "type": "boolean", "default": default}


def number(title: str, description: str, *, default: float | None = None, minimum: float = 0) -> Schema:
    """Return a field for a number of at least `minimum`. It may be left out if it has no default."""
    field: Schema = {"title": title, "description": description, "type": "number", "minimum": minimum}
    return field if default is None else {**field, "default": default}


def time(title: str, description: str) -> Schema:
    """Return a field for a date and time with its zone. Without a zone it is UTC."""
    return {
        "title": title,
        "description": description,
        "type": "string",
        "format": "date-time",
        "pattern": MOMENT_PATTERN,
    }

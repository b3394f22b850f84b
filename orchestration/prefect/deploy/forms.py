"""The parameters of the deployments as JSON schemas: the forms of Prefect's UI, and what the API refuses.

The UI of Prefect 2.20.4 shows `properties` in the order of `position`. What a deployment sets itself, its runs cannot
change: it stands in `patternProperties`, which the form does not show. The API checks no format, hence the pattern of
a time.
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
    """A form of these fields, in their order. Any other parameter is refused, but `fixed` ones with their values.

    Of the fields that go `together`, one is refused without the others.
    """
    schema: Schema = {
        "title": "Parameters",
        "type": "object",
        "properties": {name: {**field, "position": index} for index, (name, field) in enumerate(fields.items())},
        "additionalProperties": False,
    }
    if required:  # the API takes no empty list
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
    """The form's fields for these fields of a flow's parameters: a list chooses among `streams`, text is a moment."""
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
    """Some of `names`; at least one where it is required, else none at first."""
    field: Schema = {
        "title": title,
        "description": description,
        "type": "array",
        "items": {"type": "string", "enum": list(names)},
        "uniqueItems": True,
    }
    return {**field, "minItems": 1} if required else {**field, "default": []}


def switch(title: str, description: str, *, default: bool = False) -> Schema:
    """Yes or no."""
    return {"title": title, "description": description, "type": "boolean", "default": default}


def number(title: str, description: str, *, default: float | None = None, minimum: float = 0) -> Schema:
    """A number from `minimum` on; it may be left out where it has no default."""
    field: Schema = {"title": title, "description": description, "type": "number", "minimum": minimum}
    return field if default is None else {**field, "default": default}


def time(title: str, description: str) -> Schema:
    """A date and time, with its zone; UTC where it has none."""
    return {
        "title": title,
        "description": description,
        "type": "string",
        "format": "date-time",
        "pattern": MOMENT_PATTERN,
    }

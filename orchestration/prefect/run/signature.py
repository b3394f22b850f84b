"""A flow's signature and documentation, made from the model of its parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

FlowFunction = Callable[..., Any]


def takes(model: type[BaseModel]) -> Callable[[FlowFunction], FlowFunction]:
    """Decorate `function(**given)` so that Prefect finds the fields of `model` as its keyword parameters.

    Prefect reads names, types and defaults from the signature, and descriptions from the docstring's `Args`.
    """

    def decorate(function: FlowFunction) -> FlowFunction:
        fields = model.model_fields.items()
        parameters = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.get_default(call_default_factory=True),
                annotation=field.annotation,
            )
            for name, field in fields
        ]
        function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        function.__annotations__ = {name: field.annotation for name, field in fields}
        described = "\n".join(
            f"    {name} ({inspect.formatannotation(field.annotation)}): {field.description}" for name, field in fields
        )
        function.__doc__ = f"{inspect.getdoc(function)}\n\nArgs:\n{described}\n"
        return function

    return decorate

"""Reads YAML texts that people wrote."""

from __future__ import annotations

from typing import Any

import yaml
from yaml.constructor import ConstructorError


class _Loader(yaml.CSafeLoader):
    """PyYAML's safe loader. A value that is not of its kind, such as `!!timestamp x`, raises an error with its place.

    PyYAML's own constructors of such values raise whatever they meet: ValueError, KeyError, AttributeError.
    """

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (yaml.YAMLError, RecursionError):
            raise
        except Exception as error:
            kind = node.tag.rpartition(":")[2]
            raise ConstructorError(None, None, f"{node.value!r} is no {kind}", node.start_mark) from error


def load_yaml(text: str) -> Any:
    """Return the only document of a YAML text. Raises yaml.YAMLError, which says what is wrong and in which line."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - it is a safe one
    except (ValueError, RecursionError) as error:
        raise yaml.YAMLError(str(error) or "it is nested too deeply") from error

"""Edits of single nodes in a YAML text. Every other line stays as people wrote it, with its comments."""

from __future__ import annotations

from typing import Any

import yaml

from common.yaml_text import load_yaml
from ingest.errors import ContractError

Path = tuple[str | int, ...]
"""Keys and positions from the root, such as `("schema", 0, "properties", 3)`."""


class YamlText:
    """A YAML text in block style, and the edits to make in it.

    Raises ContractError that names `origin` if the text cannot be edited.
    """

    def __init__(self, text: str, *, origin: str) -> None:
        self._text = text
        self._origin = origin
        self._root = yaml.compose(text, Loader=yaml.SafeLoader)
        self._content = load_yaml(text)
        self._edits: list[tuple[int, int, str]] = []

    def items(self, *path: str | int) -> list[Any]:
        """Return the content of the sequence at `path`."""
        content = self._content
        for step in path:
            content = content[step]
        return list(content)

    def replace(self, path: Path, content: Any) -> None:
        """Put `content` in place of the node at `path`."""
        node = self._node(path)
        self._edits.append((node.start_mark.index, self._end(node), _rendered(content, node.start_mark.column)))

    def remove(self, path: Path) -> None:
        """Take out the item at `path` of a sequence, with its line."""
        node = self._node(path)
        self._edits.append((self._line_start(node), self._end(node) + 1, ""))

    def append(self, path: Path, content: Any) -> None:
        """Add an item to the sequence at `path`, which must hold at least one item."""
        sequence = self._node(path)
        last = self._node((*path, len(sequence.value) - 1))
        column = last.start_mark.column
        end = self._end(last)
        lead = "" if self._text[end - 1 : end] == "\n" else "\n"
        self._edits.append((end, end, f"{lead}{' ' * (column - 2)}- {_rendered(content, column)}"))

    def edited(self) -> str:
        """Return the text with all edits made."""
        text = self._text
        # Later edits come first. Of several edits at one place the last one comes first, so that they end up in order.
        in_order = sorted(enumerate(self._edits), key=lambda numbered: (numbered[1][0], numbered[0]))
        for _, (start, end, content) in reversed(in_order):
            text = text[:start] + content + text[end:]
        return text if text.endswith("\n") else f"{text}\n"

    def _node(self, path: Path) -> Any:
        node: Any = self._root
        for step in path:
            if getattr(node, "flow_style", False):
                raise ContractError(
                    f"{self._origin} writes {step!r} within brackets, which cannot be edited here",
                    hint="Write one property per line, or make the change by hand.",
                )
            node = node.value[step] if isinstance(step, int) else _member(node, step)
        return node

    def _end(self, node: Any) -> int:
        """Return the end of the node's last scalar. Comments that follow it belong to the next item."""
        if isinstance(node, yaml.MappingNode) and node.value and not node.flow_style:
            return self._end(node.value[-1][1])
        if isinstance(node, yaml.SequenceNode) and node.value and not node.flow_style:
            return self._end(node.value[-1])
        start, end = int(node.start_mark.index), int(node.end_mark.index)
        return start + len(self._text[start:end].rstrip())

    def _line_start(self, node: Any) -> int:
        return self._text.rfind("\n", 0, node.start_mark.index) + 1


def _member(mapping: Any, key: str) -> Any:
    return next(value for name, value in mapping.value if name.value == key)


def _rendered(content: Any, column: int) -> str:
    """Return `content` as YAML to insert at `column` of a line that has already begun."""
    if not isinstance(content, dict | list):
        return str(yaml.safe_dump(content, default_flow_style=True)).removesuffix("...\n").strip()
    text = str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=116)).strip()
    return text.replace("\n", "\n" + " " * column)

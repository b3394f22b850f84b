"""Markdown, as far as Prefect's UI shows it: tables whose numbers are right-aligned, and texts kept as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_NUMBER = re.compile(r"-?[\d,]+(\.\d+)?( [kMG]?B| s)?")
_FENCE = re.compile(r"`{3,}")


def table(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Lines of a table with the first row's keys as its head. A column of numbers alone is aligned to the right."""
    if not rows:
        return []
    names = list(rows[0])
    numeric = {name for name in names if all(not row[name] or _NUMBER.fullmatch(row[name]) for row in rows)}
    return [
        _line(names),
        _line(["---:" if name in numeric else ":---" for name in names]),
        *(_line([_cell(row[name]) for name in names]) for row in rows),
        "",
    ]


def code(content: str) -> str:
    """A block that shows the text as it is, whatever is in it."""
    longest = max((len(fence) for fence in _FENCE.findall(content)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}\n{content}\n{fence}"


def text(line: str) -> str:
    """A line of prose as it is, but for `code`, which is shown as such."""
    parts = re.split(r"(`[^`]+`)", line)
    return "".join(part if part.startswith("`") else _escaped(part) for part in parts)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(content: str) -> str:
    return " ".join(_escaped(content).replace("|", r"\|").split())


def _escaped(content: str) -> str:
    """Escape whatever Markdown reads as emphasis, code, a link or a tag."""
    return re.sub(r"([\\`*_\[\]])", r"\\\1", content).replace("<", "&lt;")

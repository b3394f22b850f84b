"""Markdown, as far as Prefect's UI shows it: tables whose numbers are right-aligned, and texts kept as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_NUMBER = re.compile(r"-?[\d,]+(\.\d+)?( [kMG]?B| s)?")
_FENCE = re.compile(r"`{3,}")


def table(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the lines of a table with the first row's keys as its head.

    Columns of numbers are aligned to the right.
    """
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
    """Return a block that shows the text unchanged, whatever its characters."""
    longest = max((len(fence) for fence in _FENCE.findall(content)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}\n{content}\n{fence}"


def text(line: str) -> str:
    """Return a line of prose unchanged, except that `code` is shown as code."""
    parts = re.split(r"(`[^`]+`)", line)
    return "".join(part if part.startswith("`") else _escaped(part) for part in parts)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(content: str) -> str:
    return " ".join(_escaped(content).replace("|", r"\|").split())


def _escaped(content: str) -> str:
    """Escape characters that Markdown reads as emphasis, code, a link or a tag."""
    return re.sub(r"([\\`*_\[\]])", r"\\\1", content).replace("<", "&lt;")

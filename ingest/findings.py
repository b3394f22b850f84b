"""What a doctor looks at, and what it found: one line a check, with what to do.

A check is one small function. One that raises is a finding too, so that a broken thing hides no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.errors import PlatformError, first_line
from ingest.hints import here

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH_OF_A_PIPE = 200


@dataclass(frozen=True)
class Finding:
    """One line of a doctor's table. `ok` is None where the check could not look: that is no fault, and no proof."""

    check: str
    expected: str
    seen: str
    advice: str = ""
    ok: bool | None = True


@dataclass(frozen=True)
class Seen:
    """What a check has seen, by its own judgement."""

    text: str
    ok: bool | None = True
    advice: str = ""


class NotSeenError(Exception):
    """A check cannot look here. The message is why; `advice` is what would let it."""

    def __init__(self, reason: str, *, advice: str = "") -> None:
        super().__init__(reason)
        self.advice = advice


@dataclass(frozen=True)
class Check:
    """A thing to look at. `look` raises PlatformError for what is wrong, and NotSeenError where it cannot look."""

    name: str
    expected: str
    look: Callable[[], Seen]


def wrong(text: str, advice: str) -> Seen:
    """What was seen is not what was expected."""
    return Seen(text, ok=False, advice=advice)


def examine(checks: Iterable[Check], *, on_check: Callable[[str], None] = lambda name: None) -> Iterator[Finding]:
    """Look at one thing after the other. `on_check` gets the name of each before it is looked at."""
    for check in checks:
        on_check(check.name)
        seen = _look(check)
        yield Finding(check.name, check.expected, seen.text, "" if seen.ok else seen.advice, seen.ok)


def _look(check: Check) -> Seen:
    try:
        return check.look()
    except NotSeenError as reason:
        return Seen(f"not looked at: {reason}", ok=None, advice=reason.advice)
    except PlatformError as error:
        return Seen(error.message, ok=False, advice=error.hint or "")
    except Exception as error:  # the other checks go on, and this one says how it ended
        return Seen(
            f"the check itself failed: {type(error).__name__}: {first_line(error)}",
            ok=False,
            advice="This is a fault of the check, or an answer that it does not know: report it with this line.",
        )


def are_well(findings: Iterable[Finding]) -> bool:
    """Whether no check has found anything wrong."""
    return all(finding.ok is not False for finding in findings)


def print_findings(findings: Iterable[Finding]) -> None:
    """The table, and how many of its lines are what."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    shown = list(findings)
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in ("", "check", "expected", "seen", "what to do"):
        table.add_column(column, overflow="fold")
    for finding in shown:
        texts = (finding.check, finding.expected, finding.seen, here(finding.advice))
        table.add_row(_MARKS[finding.ok], *(escape(_printable(text)) for text in texts))
    console = _console()
    console.print(table)
    well, faults, unseen = (sum(finding.ok is ok for finding in shown) for ok in (True, False, None))
    console.print(f"{well} as expected, {faults} not, {unseen} not looked at")


_MARKS = {True: "[green]ok[/]", False: "[bold red]FAULT[/]", None: "[yellow]?[/]"}


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=_WIDTH_OF_A_PIPE, highlight=False)


def _printable(text: str) -> str:
    """Foreign text without what would move the terminal's cursor, in one line."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())

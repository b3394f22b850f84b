"""The checks of a doctor, and their findings: one line for each check, with advice.

A check is one small function. A check that raises is a finding too, so that it hides no other finding.
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
    """One line of a doctor's table. `ok` is None if the check could not look, which is neither a fault nor a proof."""

    check: str
    expected: str
    seen: str
    advice: str = ""
    ok: bool | None = True


@dataclass(frozen=True)
class Seen:
    """The result of a check: the text to show, the check's verdict, and advice."""

    text: str
    ok: bool | None = True
    advice: str = ""


class NotSeenError(Exception):
    """A check cannot look here. The message is the reason, and `advice` says how to make it possible."""

    def __init__(self, reason: str, *, advice: str = "") -> None:
        super().__init__(reason)
        self.advice = advice


@dataclass(frozen=True)
class Check:
    """One check. `look` raises PlatformError for a fault, and NotSeenError if it cannot look."""

    name: str
    expected: str
    look: Callable[[], Seen]


def wrong(text: str, advice: str) -> Seen:
    """Return a failed result, with `text` as what was seen and `advice` as the remedy."""
    return Seen(text, ok=False, advice=advice)


def examine(checks: Iterable[Check], *, on_check: Callable[[str], None] = lambda name: None) -> Iterator[Finding]:
    """Run one check after the other and yield a finding for each. `on_check` gets the name of each check before it
    runs.
    """
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
    except Exception as error:  # the other checks go on, and this finding names the error
        return Seen(
            f"the check itself failed: {type(error).__name__}: {first_line(error)}",
            ok=False,
            advice="This is a fault of the check, or an answer that it does not know: report it with this line.",
        )


def are_well(findings: Iterable[Finding]) -> bool:
    """Return whether no check has found anything wrong."""
    return all(finding.ok is not False for finding in findings)


def print_findings(findings: Iterable[Finding]) -> None:
    """Print the table of findings, then the number of lines by verdict."""
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
    """Return foreign text in one line, without control characters that would move the terminal's cursor."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())

"""A doctor's table: a check that raises is a line of it, and hides no other."""

from __future__ import annotations

import pytest

from ingest.errors import AccessError
from ingest.findings import Check, Finding, NotSeenError, Seen, are_well, examine, print_findings, wrong


def raises(error: Exception) -> Seen:
    raise error


CHECKS = [
    Check("well", "1", lambda: Seen("1", advice="none is needed")),
    Check("wrong", "1", lambda: wrong("2", "Set it to 1.")),
    Check("refused", "1", lambda: raises(AccessError("no right", hint="GRANT it;"))),
    Check("not seen", "1", lambda: raises(NotSeenError("nobody may", advice="Ask."))),
    Check("broken", "1", lambda: raises(ZeroDivisionError("by zero"))),
    Check("last", "1", lambda: Seen("1")),
]


def test_each_check_is_one_finding_however_it_ends() -> None:
    asked: list[str] = []
    found = list(examine(CHECKS, on_check=asked.append))

    assert asked == [check.name for check in CHECKS]
    assert found[:4] == [
        Finding("well", "1", "1"),
        Finding("wrong", "1", "2", "Set it to 1.", ok=False),
        Finding("refused", "1", "no right", "GRANT it;", ok=False),
        Finding("not seen", "1", "not looked at: nobody may", "Ask.", ok=None),
    ]
    assert (found[4].ok, found[4].seen) == (False, "the check itself failed: ZeroDivisionError: by zero")
    assert found[5].ok
    assert not are_well(found)
    assert are_well([found[0], found[3]])


def test_foreign_text_moves_no_cursor_and_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_findings(examine([Check("a", "b", lambda: wrong("[red]x[/]\x1b[2J\ny", "`ingest log x`"))]))

    said = capsys.readouterr().out
    assert "[red]x[/] [2J y" in said
    assert "\x1b" not in said
    assert "0 as expected, 1 not, 0 not looked at" in said

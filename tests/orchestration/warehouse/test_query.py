"""How an answer is shown: whole, whatever the terminal's width."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from orchestration.warehouse.answer import Answer, print_answer

KEY = "0123456789abcdef" * 2
ANSWER = Answer(
    columns=("product_key", "name", "price"),
    numeric=(False, False, True),
    rows=((KEY, "Lamp", None), (KEY[::-1], "Pen", 3.5)),
    more=False,
)


def shown(answer: Answer, *, width: int, terminal: bool = True) -> list[str]:
    output = StringIO()
    print_answer(answer, console=Console(file=output, force_terminal=terminal, width=width, color_system=None))
    return [line.rstrip() for line in output.getvalue().splitlines()]


def test_a_terminal_that_has_room_gets_a_table() -> None:
    lines = shown(ANSWER, width=80)
    assert f"│ {KEY} │ Lamp │  null │" in lines
    assert len(lines) == 6


def test_a_terminal_that_is_too_narrow_gets_a_record_a_row() -> None:
    lines = shown(ANSWER, width=47)
    assert [line.rstrip("─ ") for line in lines] == [
        "row 1",
        f"product_key  {KEY}",
        "name         Lamp",
        "price        null",
        "row 2",
        f"product_key  {KEY[::-1]}",
        "name         Pen",
        "price        3.5",
    ]


def test_what_is_no_terminal_gets_a_table_of_any_width() -> None:
    assert shown(ANSWER, width=20, terminal=False) == shown(ANSWER, width=80)


def test_one_long_column_is_folded() -> None:
    lines = shown(Answer(("text",), (False,), (("word " * 20,),), more=False), width=40)
    assert max(map(len, lines)) <= 40
    assert sum(line.count("word") for line in lines) == 20

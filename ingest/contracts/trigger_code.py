"""The effect of a trigger's PL/pgSQL on the new row, if its code is plain enough to be certain.

Only two forms are understood. The first sets fields of NEW one after the other, without a condition, and ends with
`return new`. The second is a lone `raise exception`, which lets no row pass. Any other code (a condition, a loop, a
handler, a variable, another statement) is not judged, so that no code is mistaken for one of these forms.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

# `_without_comment` finds comments, because comments of Postgres nest.
_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<quoted>"(?:[^"]|"")+")
      | (?P<text>'(?:[^']|'')*')
      | (?P<dollar>\$(?P<tag>[A-Za-z_\x80-\U0010ffff][\w]*|)\$.*?\$(?P=tag)\$)
      | (?P<word>[A-Za-z_\x80-\U0010ffff][\w$]*)
      | (?P<number>\d[\w.]*)
      | (?P<assign>:=)
      | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_LINE_COMMENT = re.compile(r"--[^\n\r]*")
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}

_CLOCK_FUNCTIONS = ("now", "transaction_timestamp", "statement_timestamp", "clock_timestamp")
"""None of them gives a moment before the transaction's start, which is what the horizon is made of."""


@dataclass(frozen=True)
class Token:
    """A token of PL/pgSQL. `kind` is name, word, text or sign. A word is in lower case; a quoted identifier is
    a name.
    """

    kind: str
    value: str


class Value(Enum):
    """The value that a field of the new row is set to."""

    CLOCK = "the clock"
    SHADOWED_CLOCK = "a function that is called like the clock"
    IF_NULL = "the clock where it was null"
    OTHER = "something else"


@dataclass(frozen=True)
class RowCode:
    """The effect of trigger code on a row: the fields that it sets, each with its last value, or that it refuses every
    row.
    """

    sets: dict[str, Value] = field(default_factory=dict)
    refuses: bool = False


class _UnreadableError(Exception):
    """A part of the code has an effect that is not certain."""


def understood(code: str, *, shadowed: bool = False) -> RowCode | None:
    """Return the effect of PL/pgSQL `code` on the new row; None if the code has neither of the two known forms.

    `shadowed` says whether the database has a function of its own with the name of a clock function.
    """
    try:
        tokens = _tokens(code)
        statements = _statements(_inside_block(tokens))
        if not statements:
            return None
        if len(statements) == 1 and _is_words(statements[0][:2], "raise", "exception"):
            return RowCode(refuses=True)
        *assignments, last = statements
        if not _is_words(last, "return", "new"):
            return None
        return RowCode(dict(_assignment(statement, shadowed=shadowed) for statement in assignments))
    except _UnreadableError:
        return None


def _tokens(code: str) -> list[Token]:
    found: list[Token] = []
    position = 0
    while position < len(code):
        after = _after_comment(code, position)
        if after > position:
            position = after
            continue
        match = _TOKEN.match(code, position)
        if match is None:
            raise _UnreadableError
        position = match.end()
        found.extend(_token(match))
    return found


def _token(match: re.Match[str]) -> list[Token]:
    text = match[0]
    if match["space"]:
        return []
    if match["word"]:
        return [Token("word", text.translate(_LOWER))]
    if match["quoted"]:
        return [Token("name", text[1:-1].replace('""', '"'))]
    # A setting, and letters before the quote, decide whether a backslash escapes.
    if "\\" in text:
        raise _UnreadableError
    if match["text"] or match["dollar"]:
        return [Token("text", text)]
    return [Token("sign", text)]


def _after_comment(code: str, position: int) -> int:
    """Return the position after the comment that begins at `position`, or `position` itself if no comment
    begins there.
    """
    line = _LINE_COMMENT.match(code, position)
    if line is not None:
        return line.end()
    if not code.startswith("/*", position):
        return position
    depth = 0
    while position < len(code):
        if code.startswith("/*", position):
            depth, position = depth + 1, position + 2
        elif code.startswith("*/", position):
            depth, position = depth - 1, position + 2
            if not depth:
                return position
        else:
            position += 1
    raise _UnreadableError


def _inside_block(tokens: Sequence[Token]) -> Sequence[Token]:
    """Return the code between `begin` and the `end` that closes the block."""
    if tokens and tokens[-1] == Token("sign", ";"):
        tokens = tokens[:-1]
    if len(tokens) < 2 or not _is_words(tokens[:1], "begin") or not _is_words(tokens[-1:], "end"):
        raise _UnreadableError
    return tokens[1:-1]


def _statements(tokens: Sequence[Token]) -> list[list[Token]]:
    statements: list[list[Token]] = [[]]
    for token in tokens:
        if token == Token("sign", ";"):
            statements.append([])
        else:
            statements[-1].append(token)
    if statements.pop() or not all(statements):
        raise _UnreadableError
    return statements


def _assignment(statement: Sequence[Token], *, shadowed: bool) -> tuple[str, Value]:
    """Return the name of the field of NEW that the statement sets, as the catalog spells it, and the value."""
    if len(statement) < 5 or not _is_words(statement[:1], "new") or statement[1] != Token("sign", "."):
        raise _UnreadableError
    column, sign, *value = statement[2:]
    if column.kind not in ("word", "name") or sign not in (Token("sign", ":="), Token("sign", "=")):
        raise _UnreadableError
    return column.value, _value(column.value, value, shadowed=shadowed)


def _value(column: str, tokens: Sequence[Token], *, shadowed: bool) -> Value:
    spelt = [token.value if token.kind in ("word", "sign") else f"({token.kind})" for token in tokens]
    if spelt == ["current_timestamp"]:
        return Value.CLOCK
    qualified = spelt[:2] == ["pg_catalog", "."]
    call = spelt[2:] if qualified else spelt
    if len(call) == 3 and call[0] in _CLOCK_FUNCTIONS and call[1:] == ["(", ")"]:
        return Value.SHADOWED_CLOCK if shadowed and not qualified else Value.CLOCK
    if spelt[:4] == ["coalesce", "(", "new", "."] and len(tokens) > 6 and tokens[4].value == column:
        if spelt[5] == "," and spelt[-1] == ")":
            return Value.IF_NULL if _value(column, tokens[6:-1], shadowed=shadowed) is Value.CLOCK else Value.OTHER
        return Value.OTHER
    return Value.OTHER


def _is_words(tokens: Sequence[Token], *words: str) -> bool:
    return [(token.kind, token.value) for token in tokens] == [("word", word) for word in words]

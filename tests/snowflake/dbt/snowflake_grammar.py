"""Two opinions on whether a statement is valid in Snowflake: sqlfluff is strict, and sqlglot knows functions."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import sqlglot
from sqlglot import exp

SQLFLUFF_PYTHON = Path(__file__).resolve().parents[3] / ".venv-sqlfluff" / "bin" / "python"
"""Not there where sqlfluff is not installed."""
_PROGRAM = Path(__file__).with_name("sqlfluff_parse.py")
_COMMENT = re.compile(r'/\* \{"app": "dbt".*?\} \*/', re.DOTALL)
"""dbt's own: a name may hold what looks like another one."""
_UNKNOWN_TO_SQLGLOT = {"getvariable", "is_varchar"}
"""Functions that Snowflake documents and sqlglot has no class for."""
_TOKEN = re.compile(
    r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"]|"")*"|\$\$.*?\$\$|--[^\n]*|/\*.*?\*/|\b\d+(?:\.\d+)?\b""", re.DOTALL
)
"""Texts, names and comments as a whole, and numbers."""
_PLAIN_TEXT = re.compile(r"'[\w :.,+/=-]*'")
_NAME = re.compile(r'"(?:[^"]|"")+"')


def one_of_each_shape(statements: Iterable[str]) -> list[str]:
    """Return one statement of each shape. Statements of one shape differ only in numbers, plain texts and dbt's
    comments.

    No grammar depends on these.
    """
    return sorted(_by_shape(statements).values())


def _by_shape(statements: Iterable[str]) -> dict[str, str]:
    return {_TOKEN.sub(_any_value, _COMMENT.sub("", statement)).strip(): statement for statement in statements}


def _any_value(token: re.Match[str]) -> str:
    if token[0][0].isdigit():
        return "1"
    return "'x'" if _PLAIN_TEXT.fullmatch(token[0]) else token[0]


def refused_by_sqlfluff(statements: Iterable[str]) -> dict[str, str]:
    """Return why sqlfluff refuses statements, by statement. One of each shape is parsed, whatever its names.

    A backslash in a name is shown as _, because sqlfluff takes it for an escape, which in Snowflake it is not. sqlfluff
    also lacks the empty list of NULL_IF, which Snowflake's pages on COPY show.
    """
    distinct = {shape: _as_sqlfluff_knows_it(statement) for shape, statement in _by_shape(statements).items()}
    finished = subprocess.run(
        [str(SQLFLUFF_PYTHON), str(_PROGRAM)], input=json.dumps(distinct), capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    reasons: dict[str, str] = json.loads(finished.stdout)
    return reasons


def _as_sqlfluff_knows_it(statement: str) -> str:
    return _NAME.sub(_plain, _COMMENT.sub("", statement)).replace("NULL_IF = ()", "NULL_IF = ('')").strip()


def _plain(name: re.Match[str]) -> str:
    return name[0].replace("\\", "_")


def refused_by_sqlglot(sql: str, *, commands: bool) -> str | None:
    """Return why a statement is not valid in Snowflake; None if it is.

    Functions that sqlglot does not know there count as invalid. It does not parse statements that it takes for
    commands; they are refused unless `commands`.
    """
    try:
        statements = sqlglot.parse(sql, read="snowflake", error_level=sqlglot.ErrorLevel.RAISE)
    except sqlglot.ParseError as error:
        return str(error).splitlines()[0]
    for statement in statements:
        if statement is None or (isinstance(statement, exp.Command) and not commands):
            return "not understood"
        called = {call.name.lower() for call in statement.find_all(exp.Anonymous)}
        if unknown := sorted(called - _UNKNOWN_TO_SQLGLOT):
            return f"unknown functions: {', '.join(unknown)}"
    return None

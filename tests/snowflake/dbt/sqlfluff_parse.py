"""Run by the interpreter of sqlfluff's own environment: statements by shape as JSON in, why they do not parse out.

A program of its own, since sqlfluff needs chardet, at whose sight the Snowflake connector warns at each import.
"""

import json
import re
import sys
from multiprocessing import Pool

from sqlfluff.core import FluffConfig, Linter

CONFIG = FluffConfig(overrides={"dialect": "snowflake", "templater": "raw", "large_file_skip_byte_limit": 0})
DIALECT = CONFIG.get("dialect_obj")
KNOWN = {word.upper() for name in ("reserved_keywords", "unreserved_keywords", "bare_functions", "datetime_units")
         for word in DIALECT.sets(name)}  # fmt: skip
TOKEN = re.compile(
    r"""(?P<whole>'(?:[^'\\]|\\.|'')*'|"(?:[^"]|"")*"|\$\$.*?\$\$|--[^\n]*|/\*.*?\*/|[@$:%]\w+|\w+(?=\s*\())"""
    r"|(?P<word>[A-Za-z_]\w*)|(?P<space>\s+)",
    re.DOTALL,
)


def without_names(shape: str) -> str:
    """Return the shape with one name for all names that are neither keywords nor functions, because no grammar depends
    on them.
    """
    return TOKEN.sub(_as_grammar_sees_it, shape)


def _as_grammar_sees_it(token: re.Match[str]) -> str:
    if token["space"]:
        return "\n" if "\n" in token[0] else " "
    return "x" if token["word"] and token[0].upper() not in KNOWN else token[0]


def reason(statement: str) -> str | None:
    """Return why a statement does not parse under the snowflake dialect."""
    violations = Linter(config=CONFIG).parse_string(statement).violations
    return violations[0].desc() if violations else None


def main() -> None:
    """Parse the statements on stdin, which are given by shape, one of each. The longest begin first."""
    distinct = {without_names(shape): statement for shape, statement in json.load(sys.stdin).items()}
    statements = sorted(distinct.values(), key=len, reverse=True)
    with Pool(2) as pool:
        reasons = dict(zip(statements, pool.map(reason, statements, chunksize=2), strict=True))
    json.dump({statement: why for statement, why in reasons.items() if why}, sys.stdout)


if __name__ == "__main__":
    main()

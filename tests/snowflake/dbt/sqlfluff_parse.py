"""Run by the interpreter of sqlfluff's own environment: statements as JSON in, why they do not parse as JSON out.

A program of its own, since sqlfluff needs chardet, at whose sight the Snowflake connector warns at each import.
"""

import json
import sys
from multiprocessing import Pool

from sqlfluff.core import FluffConfig, Linter

CONFIG = FluffConfig(overrides={"dialect": "snowflake", "templater": "raw", "large_file_skip_byte_limit": 0})


def reason(statement: str) -> str | None:
    """Why it does not parse under the snowflake dialect."""
    violations = Linter(config=CONFIG).parse_string(statement).violations
    return violations[0].desc() if violations else None


def main() -> None:
    """Parse every statement of the list on stdin."""
    statements = json.load(sys.stdin)
    with Pool(2) as pool:
        reasons = dict(zip(statements, pool.map(reason, statements, chunksize=8), strict=True))
    json.dump({statement: why for statement, why in reasons.items() if why}, sys.stdout)


if __name__ == "__main__":
    main()

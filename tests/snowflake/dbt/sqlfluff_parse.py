"""Run by the interpreter of sqlfluff's own environment: statements as JSON in, why they do not parse as JSON out.

A program of its own, since sqlfluff needs chardet, at whose sight the Snowflake connector warns at each import.
"""

import json
import sys

from sqlfluff.core import FluffConfig, Linter


def main() -> None:
    """Parse every statement of the list on stdin under the snowflake dialect."""
    config = FluffConfig(overrides={"dialect": "snowflake", "templater": "raw", "large_file_skip_byte_limit": 0})
    linter = Linter(config=config)
    reasons = {}
    for statement in json.load(sys.stdin):
        violations = linter.parse_string(statement).violations
        if violations:
            reasons[statement] = violations[0].desc()
    json.dump(reasons, sys.stdout)


if __name__ == "__main__":
    main()

"""A dbt process that imports dbt before its command is known: `python -P waiting.py ADAPTER`.

It reads one line of JSON, the arguments of dbt's command and its environment, and then runs that command. If its input
ends before that, for example because its parent was killed, it ends too. It is run by its path and imports no module of
ours, because dbt's folder is its working directory.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import TextIO


def wait(orders: TextIO) -> bool:
    """Wait for the line, and take over its arguments and environment. Return False if there is none."""
    line = orders.readline()
    if not line.endswith("\n"):
        return False
    order = json.loads(line)
    sys.argv = ["dbt", *order["arguments"]]
    os.environ.clear()
    os.environ.update(order["environment"])
    return True


def order(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the line that `wait` reads."""
    return json.dumps({"arguments": [*arguments], "environment": {**environment}}) + "\n"


def main() -> None:
    """Import dbt with its adapter, wait for the command, and run it."""
    from dbt.cli.main import cli

    with suppress(ImportError):  # dbt reports that in its own words
        import_module(f"dbt.adapters.{sys.argv[1]}")
    if wait(sys.stdin):
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, sys.stdin.fileno())
        os.close(nothing)
        cli()


if __name__ == "__main__":
    main()

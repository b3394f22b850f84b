"""A dbt process that imports dbt before its command is known: `python -P waiting.py ADAPTER TEMPLATES [ARGUMENT...]`.

TEMPLATES is the file with compiled templates. With arguments, it runs dbt's command with them at once. Otherwise it
reads one line of JSON, the arguments of dbt's command and its environment, and then runs that command. If its input
ends before that, for example because its parent was killed, it ends too. It is run by its path and imports no module
of ours, because dbt's folder is its working directory.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, TextIO


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


def command(adapter: str, templates: Path, *arguments: str) -> tuple[str, ...]:
    """Return the command line of this program."""
    return (sys.executable, "-P", __file__, adapter, str(templates), *arguments)


def _beside(name: str) -> Any:
    """Import a module of this folder, which is not in Python's search path."""
    spec = spec_from_file_location(f"orchestration.dbt.{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - it is a file
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Import dbt with its adapter, wait for the command, and run it."""
    _, adapter, templates, *arguments = sys.argv
    # As in common.garbage. The collector stays on, because dbt's contexts, some hundred kilobytes each, are cycles.
    gc.set_threshold(50_000, 20, 20)
    from dbt.cli.main import cli

    with suppress(ImportError):  # dbt reports that in its own words
        import_module(f"dbt.adapters.{adapter}")
    _beside("lighter").make_lighter()
    _beside("templates").KeptTemplates(Path(templates)).take_over()
    gc.freeze()
    if arguments:
        sys.argv = ["dbt", *arguments]
        cli()
    if wait(sys.stdin):
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, sys.stdin.fileno())
        os.close(nothing)
        cli()


if __name__ == "__main__":
    main()

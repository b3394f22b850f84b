"""The allocator of the `ingest` command."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_POOL = "import ingest.__main__, pyarrow; print(pyarrow.default_memory_pool().backend_name)"


@pytest.mark.parametrize(("given", "pool"), [({}, "system"), ({"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}, "mimalloc")])
def test_the_command_and_arrow_share_an_allocator_unless_another_is_asked_for(given: dict[str, str], pool: str) -> None:
    bare = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    command = [sys.executable, "-c", _POOL]
    done = subprocess.run(command, env=bare | given, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == pool

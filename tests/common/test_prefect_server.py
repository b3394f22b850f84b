"""Prefect's server is not imported by its clients, and is whole as soon as any part of it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

IMPORTS = """
import importlib, sys
from common.prefect_server import defer_prefect_server

defer_prefect_server()
for name in sys.argv[1:]:
    importlib.import_module(name)
modules = {name: module for name, module in sys.modules.items() if name.startswith("prefect.server.")}
for name, module in modules.items():
    parent, _, child = name.rpartition(".")
    assert getattr(sys.modules[parent], child) is module, f"{name} was made twice"
    assert module.__spec__.origin == module.__file__, name
print(*modules)
server = sys.modules["prefect.server"]
assert not hasattr(server, "nothing")
assert server.schemas.core is sys.modules["prefect.server.schemas.core"]
assert server.models.flows is sys.modules["prefect.server.models.flows"]
"""


def imported(*names: str) -> set[str]:
    """Return the modules of Prefect's server in a new process that imported `names` in this order.

    Afterwards, it asks for parts as attributes of the packages around them.
    """
    command = [sys.executable, "-W", "ignore", "-c", IMPORTS, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.slow
def test_a_client_has_no_server() -> None:
    ours = ["orchestration.runtime.agent", "orchestration.worker.stream_flow", "orchestration.prefect.flow"]
    parts = {name.split(".")[2] for name in imported(*ours)}
    assert parts == {"schemas", "utilities"}


@pytest.mark.slow
@pytest.mark.parametrize("first", ["prefect.server.database.dependencies", "prefect.server.schemas.core"])
def test_whichever_part_comes_first_the_server_is_whole_and_made_once(first: str) -> None:
    whole = imported("prefect", first, "prefect.server.api.server")
    assert {"prefect.server.models.flow_runs", "prefect.server.services.scheduler"} <= whole

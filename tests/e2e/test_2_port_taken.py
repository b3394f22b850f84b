"""`make up` checks the ports before it starts anything."""

from __future__ import annotations

import socket
import subprocess
from contextlib import closing

import pytest

from tests.e2e.stack import REPOSITORY, Ports, Stack, engine_problem


@pytest.mark.skipif(engine_problem() is not None, reason=str(engine_problem()))
def test_a_taken_port_is_named_before_anything_starts() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        stack = Stack(Ports.free(), {"POSTGRES_PORT": str(port)}, project="dp-mailblaze-demo-e2e-taken")
        try:
            done = subprocess.run(
                ["make", "up"], cwd=REPOSITORY, env=stack.environment, capture_output=True, text=True, timeout=60
            )
            started = stack.compose("ps", "--all", "--quiet").stdout
        finally:
            stack.down(volumes=True)

    assert done.returncode != 0
    assert str(port) in done.stderr
    assert "POSTGRES_PORT" in done.stderr
    assert "Traceback" not in done.stderr
    assert started == ""

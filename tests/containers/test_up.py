"""`make up`: the checks before anything starts. Docker is a script here, so that no engine is needed."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "local" / "compose_up.sh"
DOCKER = """#!/bin/bash
echo "$*" >> "$CALLS"
[ -f docker-compose.yml ] || { echo "no configuration file provided: not found" >&2; exit 14; }
case "$*" in
  info) exit "$ENGINE_FAILS" ;;
  "compose port prefect_server 4200") echo 127.0.0.1:4200 ;;
  "compose port"*) echo "$OUR_OWN" ;;
  "compose config") cat <<CONFIG
services:
  postgres:
    ports:
      - mode: ingress
        host_ip: 127.0.0.1
        target: 5432
        published: "$PUBLISHED"
        protocol: tcp
    environment:
      BUSINESS_NOW: "$MOMENT"
CONFIG
esac
"""


@dataclass(frozen=True)
class Outcome:
    """The exit code of the script, and its calls of docker."""

    code: int
    output: str
    errors: str
    calls: str


def run_up(folder: Path, *, port: int, engine_fails: bool = False, our_own: str = "", moment: str = "") -> Outcome:
    """Run the script for a stack that publishes `port`. `our_own` is an address that the stack publishes already."""
    docker, calls = folder / "docker", folder / "calls"
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "CALLS": str(calls),
        "ENGINE_FAILS": str(int(engine_fails)),
        "OUR_OWN": our_own,
        "PUBLISHED": str(port),
        "MOMENT": moment,
    }
    ended = subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, timeout=30, check=False)
    return Outcome(ended.returncode, ended.stdout, ended.stderr, calls.read_text())


@pytest.fixture
def taken_port() -> Iterator[int]:
    """Yield a port of this machine on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_taken_port_is_named_with_what_to_set_before_anything_starts(tmp_path: Path, taken_port: int) -> None:
    outcome = run_up(tmp_path, port=taken_port)
    assert outcome.code == 2
    assert outcome.errors.startswith(f"error: port {taken_port}, for postgres, is taken on this machine.")
    assert "set POSTGRES_PORT in .env" in outcome.errors
    assert "compose up" not in outcome.calls


def test_a_port_that_the_stack_itself_holds_is_no_hindrance(tmp_path: Path, taken_port: int) -> None:
    outcome = run_up(tmp_path, port=taken_port, our_own=f"127.0.0.1:{taken_port}")
    assert outcome.code == 0, outcome.errors
    assert "compose up --detach --wait" in outcome.calls
    assert "http://localhost:4200" in outcome.output


def test_an_engine_that_does_not_answer_is_told_in_one_line(tmp_path: Path, taken_port: int) -> None:
    outcome = run_up(tmp_path, port=taken_port, engine_fails=True)
    assert outcome.code == 2
    assert outcome.errors.startswith("error: the Docker engine does not answer: start")
    assert outcome.errors.count("\n") == 1
    assert "compose up" not in outcome.calls


@pytest.mark.parametrize("moment", ["2028-02-29", "2028-02-29T23:58:00", "1066-10-14T09:00:00Z", "tomorrow"])
def test_a_business_now_that_is_none_is_told_before_anything_starts(
    tmp_path: Path, taken_port: int, moment: str
) -> None:
    outcome = run_up(tmp_path, port=taken_port, moment=moment)
    assert outcome.code == 2
    assert outcome.errors.startswith(f"error: BUSINESS_NOW is '{moment}', which is no RFC 3339 time")
    assert "compose up" not in outcome.calls


@pytest.mark.parametrize("moment", ["2028-02-29T23:58:00Z", "2028-02-29t23:58:00.5-05:00"])
def test_a_business_now_that_is_one_is_let_through(tmp_path: Path, taken_port: int, moment: str) -> None:
    outcome = run_up(tmp_path, port=taken_port, our_own=f"127.0.0.1:{taken_port}", moment=moment)
    assert outcome.code == 0, outcome.errors

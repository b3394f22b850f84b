"""The program: a real server on a real socket, started, faulted and stopped."""

import ast
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest

import mock_saas
from tests.mock_saas.provider import ADMIN_KEY, API_KEY, EPOCH, Provider

COMMAND = (sys.executable, "-m", "mock_saas")
OURS = {"ingest", "orchestration", "postgres", "tests"}


@dataclass(frozen=True)
class Program:
    """A running server."""

    process: subprocess.Popen[str]
    client: httpx.Client

    def stop(self, number: signal.Signals) -> tuple[int, str]:
        """Stop the server. Return its exit code, and its standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a server, without this process's settings."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "PYTHONPATH")}
    return {**kept, "API_KEY": API_KEY, "ADMIN_KEY": ADMIN_KEY, "EPOCH": EPOCH.isoformat(), **variables}


@contextmanager
def running(*arguments: str, **variables: str) -> Iterator[Program]:
    """Yield a server on a free port, which is killed if it is not stopped."""
    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(
                [*COMMAND, "--port", "0", *arguments],
                env=environment(**variables),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(process.kill)
        assert process.stdout is not None
        listens = re.search(r"http://\S+", process.stdout.readline())
        assert listens is not None, process.communicate()[1]
        headers = {"Authorization": f"Bearer {API_KEY}"}
        yield Program(process, stack.enter_context(httpx.Client(base_url=listens[0], headers=headers, timeout=30)))


def test_it_serves_the_same_bytes_faults_included_and_stops(make_provider: Callable[..., Provider]) -> None:
    with running("--access-log", "json", PYTHONHASHSEED="1", CLOCK_OFFSET_SECONDS="-864000") as program:
        query = {"limit": "500", "until": "2025-03-09T00:00:00Z"}
        response = program.client.get("/v1/events", params=query)
        assert response.content == make_provider().get("/v1/events", **query).content
        assert "server" not in response.headers
        (date,) = response.headers.get_list("date")

        admin = {"Authorization": f"Bearer {ADMIN_KEY}"}
        advanced = program.client.post("/admin/clock", json={"advance_seconds": 864000}, headers=admin)
        assert (parsedate_to_datetime(advanced.headers["date"]) - parsedate_to_datetime(date)).days == 10

        for kind, message in (
            ("drop", "without sending a response"),
            ("truncate", "without sending complete message body"),
        ):
            program.client.post("/admin/faults", json={"kind": kind, "count": 1}, headers=admin).raise_for_status()
            with pytest.raises(httpx.RemoteProtocolError, match=message):
                program.client.get("/v1/events", params=query)
            assert program.client.get("/v1/events", params=query).content == response.content

        code, errors = program.stop(signal.SIGTERM)
    assert code == 0
    lines = [json.loads(line) for line in errors.splitlines()]
    assert [line["status"] for line in lines] == [200, 200, 201, None, 200, 201, 200, 200]
    assert lines[0]["path"] == "/v1/events"
    assert all(line["request_id"] for line in lines)
    assert API_KEY not in errors
    assert ADMIN_KEY not in errors


def test_it_is_silent_by_default_and_stops_on_an_interrupt() -> None:
    with running() as program:
        assert program.client.get("/healthz").status_code == 200
        assert program.client.get("/v1/nothing").status_code == 404
        assert program.stop(signal.SIGINT) == (0, "")


def test_the_plain_access_log_is_a_line_a_request() -> None:
    with running("--access-log", "plain") as program:
        program.client.get("/v1/events%0Aforged", headers={"X-Request-Id": "r-1"})
        _, errors = program.stop(signal.SIGTERM)
    assert re.fullmatch(r".* GET /v1/events%0Aforged 404 [\d.]+ ms r-1\n", errors)


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the program, which is expected to refuse."""
    return subprocess.run(
        [*COMMAND, *arguments], env=environment(**variables), capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.slow
def test_bad_input_is_one_line_and_exit_code_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = run("--port", str(taken.getsockname()[1]))
    keyless = run(API_KEY="")
    wrong = run(EVENTS_PER_DAY="many", API_KEY="not a key")
    port = run("--port", "99999")
    assert [each.returncode for each in (busy, keyless, wrong, port)] == [2, 2, 2, 2]
    assert "cannot listen on 127.0.0.1:" in busy.stderr
    assert "set ENVIRONMENT=dev" in keyless.stderr
    assert "EVENTS_PER_DAY" in wrong.stderr
    assert "not a key" not in wrong.stderr
    assert "0 to 65535" in port.stderr
    assert all("Traceback" not in each.stderr for each in (busy, keyless, wrong, port))


def test_it_imports_none_of_our_other_packages() -> None:
    for path in Path(mock_saas.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert OURS.isdisjoint(name.partition(".")[0] for name in names), path

"""The login in front of Prefect's server: which credentials it accepts, and that our own programs send them."""

from __future__ import annotations

import asyncio
import base64
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from prefect.events import Event
from prefect.events.clients import PrefectEventsClient
from prefect.settings import PREFECT_API_KEY, PREFECT_API_URL, PREFECT_EXPERIMENTAL_EVENTS, temporary_settings
from websockets.client import connect
from websockets.exceptions import InvalidStatusCode

from ingest.errors import AccessError, ConfigurationError
from local.processes import ProcessGroup
from orchestration.prefect.deploy.deploy import server as configured_server
from orchestration.prefect.operate.login import Login
from orchestration.prefect.operate.own_origin import Message, Receive, Scope, Send, ServerSettings
from orchestration.runtime.client import let_events_log_in
from tests.orchestration.prefect.conftest import (
    QUIET,
    Server,
    deployment,
    free_port,
    running_agent,
    start_run,
    start_server,
)

pytestmark = QUIET
SECRET = "operator:a-password:with-colons"
BASIC = "Basic " + base64.b64encode(SECRET.encode()).decode()
REFUSED = re.compile(r"(?<![\w.-])40[13](?![\w-])")
"""The status of a refusal, and neither a part of an id nor the milliseconds of a time."""
WRONG = [
    [],
    [("authorization", "")],
    [("authorization", "Bearer ")],
    [("authorization", f"Bearer {SECRET}x")],
    [("authorization", f"Bearer {SECRET[:-1]}")],
    [("authorization", "Basic !!!")],
    [("authorization", f"Basic {SECRET}")],
    [("authorization", "Basic " + base64.b64encode(b"operator:").decode())],
    [("authorization", f"Digest {SECRET}")],
    [("authorization", BASIC), ("authorization", BASIC)],
    [("x-authorization", BASIC)],
]


def answer(headers: Sequence[tuple[str, str]], *, kind: str = "http", method: str = "GET", path: str = "/") -> Message:
    """Return the first message of a response: the application's, or the demand for a login."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept" if kind == "websocket" else "http.response.start", "status": 200})

    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("nothing is read of a request that is refused")

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers]
    scope = {"type": kind, "headers": raw, "path": path, **({"method": method} if kind == "http" else {})}
    asyncio.run(Login(application, SECRET)(scope, receive, send))
    return sent[0]


@pytest.mark.parametrize("headers", WRONG, ids=str)
def test_without_the_login_nothing_is_answered(headers: Sequence[tuple[str, str]]) -> None:
    for path in ("/", "/api/flow_runs/filter", "/api/healthz", "/api/health/", "/dashboard"):
        refused = answer(headers, path=path)
        assert refused["status"] == 401
        assert dict(refused["headers"])[b"www-authenticate"].startswith(b'Basic realm="')
    assert answer(headers, path="/api/health", method="POST")["status"] == 401
    assert answer(headers, kind="websocket", path="/api/events/in")["type"] == "websocket.close"


@pytest.mark.parametrize("credentials", [BASIC, f"Bearer {SECRET}", BASIC.replace("Basic", "basic")])
def test_a_browser_s_login_and_a_program_s_key_are_let_in(credentials: str) -> None:
    assert answer([("Authorization", credentials)], path="/api/flows/filter", method="POST")["status"] == 200
    assert answer([("authorization", credentials)], kind="websocket")["type"] == "websocket.accept"


def test_health_checks_need_no_login() -> None:
    assert [answer([], path=path)["status"] for path in ("/api/health", "/api/ready")] == [200, 200]


@pytest.mark.parametrize(
    ("environment", "secret", "message"),
    [
        ("prod", "", "SERVER_AUTH_STRING is empty"),
        ("prod", "sesame", "not of the form user:password"),
        ("dev", ":sesame", "not of the form user:password"),
        ("dev", "me:open sesame", "not of the form user:password"),
        ("dev", "me:sésame", "not of the form user:password"),
    ],
)
def test_a_server_without_a_login_does_not_start_outside_dev(
    monkeypatch: pytest.MonkeyPatch, environment: str, secret: str, message: str
) -> None:
    monkeypatch.setenv("ENVIRONMENT", environment)
    monkeypatch.setenv("SERVER_AUTH_STRING", secret)
    with pytest.raises(ConfigurationError, match=message) as caught:
        ServerSettings.load()
    assert not secret or secret not in str(caught.value)


@pytest.fixture(scope="module")
def closed(processes: ProcessGroup, migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server in another environment than dev."""
    home = tmp_path_factory.mktemp("closed_server")
    shutil.copy(migrated, home)
    return start_server(processes, home, free_port(), ENVIRONMENT="prod", SERVER_AUTH_STRING=SECRET)


@pytest.fixture
def logged_in(closed: Server) -> Iterator[None]:
    settings = {PREFECT_API_URL: closed.api_url, PREFECT_API_KEY: SECRET, PREFECT_EXPERIMENTAL_EVENTS: True}
    with temporary_settings(updates=settings):
        yield


def test_prefects_server_answers_those_who_log_in_alone(closed: Server) -> None:
    def ask(path: str, **headers: str) -> int:
        return httpx.post(f"{closed.url}{path}", json={}, headers=headers, trust_env=False).status_code

    assert ask("/api/block_documents/filter") == 401
    assert ask("/api/block_documents/filter", Authorization=BASIC) == 200
    assert ask("/api/block_documents/filter", Authorization=f"Bearer {SECRET}") == 200
    assert ask("/api/block_documents/filter", Authorization=BASIC, Origin="http://evil.example") == 403
    assert httpx.get(f"{closed.url}/", trust_env=False).status_code == 401


def test_a_program_that_does_not_log_in_says_what_to_set(closed: Server) -> None:
    async def register() -> None:
        async with configured_server() as client:
            await client.read_work_pools()

    with (
        temporary_settings(updates={PREFECT_API_URL: closed.api_url, PREFECT_API_KEY: "operator:wrong"}),
        pytest.raises(AccessError, match="asks for a login") as caught,
    ):
        asyncio.run(register())
    assert "PREFECT_API_KEY" in str(caught.value.hint)
    assert "wrong" not in str(caught.value)


@pytest.mark.usefixtures("logged_in")
def test_events_are_sent_with_the_login(closed: Server) -> None:
    async def emit() -> None:
        with pytest.raises(InvalidStatusCode):
            async with connect(f"ws://{closed.url.partition('//')[2]}/api/events/in"):
                raise AssertionError
        let_events_log_in()
        async with PrefectEventsClient() as client:
            await client.emit(Event.parse_obj({"event": "tested", "resource": {"prefect.resource.id": "test"}}))

    asyncio.run(emit())


@pytest.mark.slow
@pytest.mark.usefixtures("logged_in")
def test_an_agent_and_its_runs_log_in(closed: Server, tmp_path: Path) -> None:
    run_id = start_run(closed, deployment("sleeper"))
    module = "tests.orchestration.prefect.platform_agent"
    with running_agent(module, closed.api_url, tmp_path, PREFECT_API_KEY=SECRET) as agent:
        closed.wait_for(run_id, ["Completed"])
        assert agent.health() == 0
        assert agent.stop() == 0
        log = agent.log.read_text()
        assert "ERROR" not in log
        assert SECRET not in log
        assert not REFUSED.search(log)
    with running_agent(module, closed.api_url, tmp_path / "without") as agent:
        agent.wait_for_line("it asks for a login; set PREFECT_API_KEY")

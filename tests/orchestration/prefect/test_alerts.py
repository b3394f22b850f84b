"""A receiver of alerts gets one for each run that fails, crashes or is late, and for no other run."""

from __future__ import annotations

import json
import queue
import threading
import time
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Crashed, Failed, Running, Scheduled, State
from pydantic import SecretStr

from ingest.contracts.registry import ContractRegistry
from ingest.errors import ConfigurationError
from orchestration.prefect.deploy.deployments import deployment_specs
from orchestration.prefect.deploy.registration import Code, Registered, register
from orchestration.prefect.operate.notifications import ensure_alerts
from orchestration.prefect.run.change_alerts import send_alerts
from orchestration.runtime.names import MAINTENANCE_FLOW, PLATFORM_FLOW, STREAM_FLOW
from orchestration.settings import REPOSITORY
from orchestration.warehouse.ops.rows import SchemaChangeRow
from tests.orchestration.prefect.conftest import QUIET, Server

pytestmark = QUIET
SECONDS = 120
SECRET = "T0KEN-of-the-webhook"
PROBE = SchemaChangeRow(
    run_id="probe",
    stream="probe",
    subject="the probe",
    kind="column_missing",
    column_name="probe",
    expected="text",
    found="no such column",
    severity="warning",
    remark=None,
    accept_command="none",
    is_new=True,
)


class Receiver:
    """A receiver that records requests except probes, and answers with `answers`, then with 200."""

    def __init__(self) -> None:
        self.probed = threading.Event()
        self.bodies: queue.Queue[dict[str, Any]] = queue.Queue()
        self.answers: list[int] = []
        received = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if PROBE.subject in str(body):
                    received.probed.set()
                    self.send_response(200)
                    return self.end_headers()
                self.send_response(received.answers.pop(0) if received.answers else 200)
                self.end_headers()
                return received.bodies.put(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = SecretStr(f"http://127.0.0.1:{self._server.server_port}/services/{SECRET}")
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def next(self) -> str:
        """Return the text of the next alert, which must be its whole content."""
        body = self.bodies.get(timeout=SECONDS)
        assert set(body) == {"text"}
        return str(body["text"])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def registered(server: Server) -> Registered:
    specs = deployment_specs(ContractRegistry.load())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return server.call(lambda client: register(client, specs, Code(REPOSITORY, "test"), alert_url=None))


@pytest.fixture
def alerted(server: Server, registered: Registered, receiver: Receiver) -> Iterator[Receiver]:
    """The server, sending alerts to the receiver.

    Prefect answers before it applies a changed automation, so an event that comes at once may start none.
    """
    server.call(lambda client: ensure_alerts(client, receiver.url))
    with temporary_settings(updates={PREFECT_API_URL: server.api_url}):
        deadline = time.monotonic() + SECONDS
        while not receiver.probed.is_set():
            assert time.monotonic() < deadline, "no probe has arrived"
            send_alerts([PROBE])
            receiver.probed.wait(5)
    yield receiver
    server.call(lambda client: ensure_alerts(client, None))


def end(server: Server, registered: Registered, name: str, *states: State[Any], **parameters: object) -> FlowRun:
    """Return a run of a deployment, led through these states."""

    async def create(client: PrefectClient) -> FlowRun:
        created = await client.create_flow_run_from_deployment(
            registered.deployments[name], parameters=parameters, state=states[0]
        )
        for state in states[1:]:
            await client.set_flow_run_state(created.id, state)
        return created

    return server.call(create)


FULL = f"{PLATFORM_FLOW}/full"


def test_each_failed_run_is_told_of_once_and_a_completed_one_never(
    server: Server, registered: Registered, alerted: Receiver
) -> None:
    end(server, registered, FULL, Running(), Completed())
    end(server, registered, f"{STREAM_FLOW}/stream", Running(), Failed(message="m"), stream="orders")
    message = 'orders: the column "total" is gone\n{"not": "json} {{ flow.name }} <!channel> \\ \tend'
    failed = end(server, registered, FULL, Running(), Failed(message=message))
    crashed = end(server, registered, f"{MAINTENANCE_FLOW}/maintenance", Running(), Crashed(message="host gone"))

    title, first, second, link = alerted.next().split("\n")
    assert title == f"{PLATFORM_FLOW}: run {failed.name} failed"
    assert first == 'orders: the column "total" is gone'
    assert second == '{"not": "json} {{ flow.name }} &lt;!channel&gt; \\ \tend'
    assert link == f"{server.ui_url}/flow-runs/flow-run/{failed.id}"
    assert alerted.next().split("\n")[:2] == [f"{MAINTENANCE_FLOW}: run {crashed.name} crashed", "host gone"]
    assert alerted.bodies.empty()


def test_a_run_that_nothing_begins_is_told_of_once(server: Server, registered: Registered, alerted: Receiver) -> None:
    late = end(server, registered, FULL, Scheduled())
    title, link = alerted.next().split("\n")
    assert title.startswith(f"{PLATFORM_FLOW}: run {late.name} is late")
    assert link.endswith(str(late.id))
    failed = end(server, registered, FULL, Running(), Failed(message="m"))
    assert failed.name in alerted.next()
    assert alerted.bodies.empty()


def test_a_schema_change_is_an_alert_of_its_own(server: Server, alerted: Receiver) -> None:
    row = PROBE.model_copy(
        update={
            "run_id": "r",
            "stream": "it's",
            "subject": "column '<b>'",
            "column_name": "<b>",
            "severity": "critical",
            "accept_command": "ingest contract accept x",
        }
    )
    with temporary_settings(updates={PREFECT_API_URL: server.api_url}):
        send_alerts([row, row.model_copy(update={"severity": "warning"})])
    texts = sorted([alerted.next(), alerted.next()])
    assert [text.split(" ")[0] for text in texts] == ["[critical]", "[warning]"]
    assert texts[0] == (
        "[critical] The source of it's has changed. column '&lt;b&gt;': the contract says text, the source has "
        "no such column. Accept it: `ingest contract accept x`."
    )
    assert alerted.bodies.empty()


def test_a_receiver_that_is_busy_is_tried_again_and_one_that_refuses_is_not(
    server: Server, registered: Registered, alerted: Receiver
) -> None:
    alerted.answers = [503, 200, 404]
    busy = end(server, registered, FULL, Running(), Failed(message="m"))
    assert busy.name in alerted.next()
    assert busy.name in alerted.next()
    refused = end(server, registered, FULL, Running(), Failed(message="m"))
    assert refused.name in alerted.next()
    after = end(server, registered, FULL, Running(), Failed(message="m"))
    assert after.name in alerted.next()
    assert alerted.bodies.empty()
    assert SECRET.encode() not in server.process.output()


def test_an_automation_that_was_paused_stays_paused_and_without_a_url_there_is_none(
    server: Server, registered: Registered, alerted: Receiver
) -> None:
    async def pause_and_ensure(client: PrefectClient) -> list[bool]:
        for automation in await client.read_automations():
            await client.pause_automation(automation.id)
        await ensure_alerts(client, alerted.url)
        return [automation.enabled for automation in await client.read_automations()]

    async def remove(client: PrefectClient) -> tuple[int, set[str | None]]:
        await ensure_alerts(client, None)
        blocks = await client.read_block_documents(include_secrets=True)
        return len(await client.read_automations()), {block.data.get("url") for block in blocks}

    assert server.call(pause_and_ensure) == [False, False, False]
    assert server.call(remove) == (0, {None})


@pytest.mark.parametrize("url", ["hooks.example.com/x", "ftp://hooks.example.com/x", "https://"])
def test_what_is_no_url_is_refused_without_being_shown(server: Server, url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^ALERT_WEBHOOK_URL is no http\(s\) URL$"):
        server.call(lambda client: ensure_alerts(client, SecretStr(url)))

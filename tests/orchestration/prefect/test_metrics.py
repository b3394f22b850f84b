"""`/metrics` at an agent: it shows its sources' figures at once, even if they are unavailable, and never harms the
agent.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings
from local.servers.s3_server import S3Server
from orchestration.ops.outbox import Outbox
from orchestration.prefect.metrics.exporter import show_metrics
from orchestration.runtime.names import PLATFORM_FLOW
from orchestration.settings import OrchestrationSettings
from tests.orchestration.metrics.test_latest import record
from tests.orchestration.prefect.conftest import QUIET, Agent, Server, free_port, running_agent
from tests.orchestration.prefect.test_agent import PLATFORM_AGENT

pytestmark = QUIET
SECRETS = {
    "SAAS_API_KEY": "api-key-9f8e7d",
    "EMAIL_SALT": "salt-1a2b3c",
    "POSTGRES_DSN": "postgresql://ingest:password-5d6e@127.0.0.1:1/shop",
}
SOURCES = ("prefect", "lake", "record")


def scraped(port: int) -> str:
    """Return the response, which comes long before a request to a lake that hangs is given up."""
    answer = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=8)
    assert answer.status_code == 200
    return answer.text


def values(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name.removeprefix("dp_mailblaze_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def until_read(agent: Agent, port: int, expected: dict[str, int], seconds: float = 120) -> str:
    """Return the first scrape in which the sources have the expected states."""
    deadline = time.monotonic() + seconds
    while True:
        assert agent.process.poll() is None, agent.log.read_text()
        assert time.monotonic() < deadline, agent.log.read_text()
        with suppress(httpx.ConnectError):  # it does not listen yet
            text = scraped(port)
            found = values(text)
            if {source: found.get(("collection_success", source)) for source in expected} == expected:
                return text
        time.sleep(0.2)


def test_metrics_hold_no_data_and_no_secret(
    server: Server, s3_server: S3Server, lake_settings: LakeSettings, tmp_path: Path
) -> None:
    port = free_port()
    Outbox(ObjectStore(lake_settings)).put(record(1, blocked={"orders": True}, refused={"orders": 2}))
    variables = {
        **s3_server.environment, **SECRETS, "RAW_BUCKET": lake_settings.bucket, "METRICS_PORT": str(port),
        "METRICS_REFRESH_SECONDS": "1",
    }  # fmt: skip
    with running_agent(PLATFORM_AGENT, server.api_url, tmp_path / "agent", **variables) as agent:
        text = until_read(agent, port, dict.fromkeys(SOURCES, 1))
        assert agent.stop() == 0

    found = values(text)
    assert found[("flow_runs", PLATFORM_FLOW, "running")] == 0
    assert found[("stream_version", "orders")] == 0
    assert (found[("quarantine_open_records", "orders")], found[("horizon_blocked", "orders")]) == (2, 1)
    assert found[("last_run_completed",)] == 1
    assert found[("agent_polled_timestamp_seconds",)] == pytest.approx(time.time(), abs=60)
    secrets = {*SECRETS.values(), "password-5d6e", s3_server.environment["AWS_SECRET_ACCESS_KEY"], "pid 7"}
    assert not [secret for secret in secrets if secret in text]
    # Nobody listens anywhere else.
    assert f"http://127.0.0.1:{port}/metrics" in agent.log.read_text()


@pytest.fixture
def hanging_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=64)) as listener:
        yield int(listener.getsockname()[1])


def test_a_lake_that_hangs_delays_no_scrape_and_no_end(server: Server, hanging_port: int, tmp_path: Path) -> None:
    port = free_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{hanging_port}", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
        "METRICS_PORT": str(port), "METRICS_REFRESH_SECONDS": "1",
    }  # fmt: skip
    with running_agent(PLATFORM_AGENT, server.api_url, tmp_path / "agent", **variables) as agent:
        found = values(until_read(agent, port, {"prefect": 1}))
        agent.wait_for_line("takes work from")
        began = time.monotonic()
        assert agent.stop() == 0

    assert time.monotonic() - began < 10  # then a container is killed
    assert ("collection_success", "lake") not in found
    assert ("stream_version", "orders") not in found


def test_a_port_that_is_taken_is_named_and_ends_nothing(
    hanging_port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "dev")
    settings = OrchestrationSettings.load().model_copy(update={"metrics_port": hanging_port})
    monkeypatch.setattr(logging.getLogger("prefect"), "propagate", True)

    asyncio.run(show_metrics(None, settings, "agent"))  # type: ignore[arg-type]  # it asks nothing

    assert f"no metrics at 127.0.0.1:{hanging_port}" in caplog.text
    assert "METRICS_PORT" in caplog.text

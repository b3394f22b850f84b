"""Alerts are not sent to addresses with cloud credentials: by number, by name, by a second look-up, by a redirect."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.blocks.abstract import NotificationError
from pydantic import SecretStr, v1

from ingest.errors import ConfigurationError
from orchestration.prefect.operate import notifications, receiver
from orchestration.prefect.operate.alert_webhook import AlertWebhook

FORBIDDEN = [
    "169.254.169.254",
    "2852039166",  # the same, as one number
    "0xA9FEA9FE",
    "169.254.43518",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "100.100.100.200",
]


def notify(url: str) -> None:
    asyncio.run(AlertWebhook(url=v1.SecretStr(url)).notify("a run failed"))


@pytest.mark.parametrize("host", FORBIDDEN)
def test_no_alert_goes_to_a_link_local_or_metadata_address(host: str) -> None:
    url = f"http://{host}/latest/api/token"
    with pytest.raises(NotificationError, match="not sent to link-local") as refusal:
        notify(url)
    assert "token" not in str(refusal.value)
    with pytest.raises(ConfigurationError, match="ALERT_WEBHOOK_URL: alerts are not sent"):
        notifications.check(SecretStr(url))


@given(st.ip_addresses(v=4, network="169.254.0.0/16") | st.ip_addresses(v=6, network="fe80::/10"))
def test_every_link_local_address_is_forbidden_also_wrapped(address: receiver.Address) -> None:
    assert receiver.is_forbidden(address)
    if isinstance(address, ipaddress.IPv4Address):
        assert receiver.is_forbidden(ipaddress.IPv6Address(f"::ffff:{address}"))
        assert receiver.is_forbidden(ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) + int(address)))


@pytest.fixture
def elsewhere() -> Iterator[tuple[int, list[str]]]:
    """A receiver that redirects to the metadata address, and the paths requested from it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(f"{self.headers['host']}{self.path}")
            self.send_response(307)
            self.send_header("Location", "http://169.254.169.254/latest/")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port, asked
    server.shutdown()
    server.server_close()


def test_no_redirect_is_followed(elsewhere: tuple[int, list[str]]) -> None:
    port, asked = elsewhere
    with pytest.raises(NotificationError, match="it answered 307"):
        notify(f"http://localhost:{port}/hook")
    assert asked == [f"localhost:{port}/hook"]


def test_a_name_is_looked_up_once_and_that_address_is_connected_to(
    elsewhere: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leads to a harmless address first and to the metadata afterwards; only names in words are looked up by it."""
    port, asked = elsewhere
    answers = iter(["127.0.0.1", "169.254.169.254", "169.254.169.254"])
    look_up = socket.getaddrinfo

    def rebinding(host: str | bytes, *args: object, **kwargs: object) -> object:
        named = host == "rebinding.example"
        return look_up(next(answers) if named else host, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with pytest.raises(NotificationError, match="it answered 307"):
        notify(f"http://rebinding.example:{port}/hook")
    assert asked == [f"rebinding.example:{port}/hook"]
    with pytest.raises(NotificationError, match="not sent to link-local"):
        notify(f"http://rebinding.example:{port}/hook")


def test_it_can_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERT_WEBHOOK_ALLOW_LINK_LOCAL", "true")
    assert str(receiver.require_allowed("169.254.10.1")) == "169.254.10.1"

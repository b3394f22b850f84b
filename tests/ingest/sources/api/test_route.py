"""The route to an API: through the environment's proxy or past it, and the trusted certificates."""

from __future__ import annotations

import base64
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import urllib3
from pydantic import SecretStr

from ingest.errors import ConfigurationError, TransientError
from ingest.sources.api.http import ApiClient
from ingest.sources.api.route import pool_for, proxy_of

BODY = b'{"data":[]}'


class _Server(HTTPServer):
    """A server that answers like a proxy or a server, records requests, and cuts off the responses to `/cut`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str | None]] = []
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Proxy-Authorization"]))
        cut = "/cut" in self.path
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY) + cut))
        self.end_headers()
        self.wfile.write(BODY)
        self.close_connection = cut

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_a_proxy_is_asked_with_its_login(server: _Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url.replace("//", "//me:p%40ss@"))
    with ApiClient("http://provider.test/base/", SecretStr("key")) as api:
        assert api.get("/v1/events", {"limit": 5}).content == BODY
    login = base64.b64encode(b"me:p@ss").decode()
    assert server.asked == [("http://provider.test/base/v1/events?limit=5", f"Basic {login}")]


def test_one_connection_serves_one_answer_after_the_other(server: _Server) -> None:
    with ApiClient(server.url, SecretStr("key")) as api:
        for _ in range(3):
            assert api.get("/v1/events", {}).content == BODY
    assert (len(server.asked), server.connections) == (3, 1)


def test_a_connection_whose_answer_was_cut_off_serves_no_other(server: _Server) -> None:
    with ApiClient(server.url, SecretStr("key")) as api:
        with pytest.raises(TransientError, match="IncompleteRead"):
            api.get("/cut", {})
        assert api.get("/v1/events", {}).content == BODY
    assert server.connections == 2


@pytest.mark.parametrize(
    ("url", "exceptions", "expected"),
    [
        ("http://provider.test", "", "http://p:1"),
        ("https://provider.test", "", "http://all:2"),
        ("http://provider.test", "other.test", "http://p:1"),
        ("http://provider.test", "provider.test", None),
        ("http://api.provider.test:8090", ".provider.test", None),
        ("http://provider.test", "*", None),
    ],
)
def test_the_environment_names_proxies_by_scheme_and_hosts_without_one(
    url: str, exceptions: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert proxy_of(url, {"http": "http://p:1", "all": "all:2"}) == expected


@pytest.mark.parametrize("proxy", ["socks5://me:s3cret-word@proxy.test", "ftp://s3cret-word@p", "http://:s3cret-word"])
def test_a_proxy_that_is_none_is_refused_and_not_shown(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(ConfigurationError, match="HTTP_PROXY") as caught:
        ApiClient("http://provider.test", SecretStr("key"))
    assert "s3cret-word" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_https_trusts_known_authorities_or_those_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = _context(pool_for("https://provider.test"))
    assert known.verify_mode is ssl.CERT_REQUIRED
    assert known.check_hostname
    assert known.get_ca_certs()
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert _context(pool_for("https://provider.test")).get_ca_certs() == []


def _context(pool: urllib3.PoolManager) -> ssl.SSLContext:
    context = pool.connection_pool_kw["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    return context

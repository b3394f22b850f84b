"""A proxy before the S3 endpoint that misbehaves as told, or at random: it loses, cuts and alters, or answers itself.

Clients use it over HTTP like any endpoint, so the tests see how boto3 handles a fault.
"""

from __future__ import annotations

import http.client
import io
import random
import socket
import struct
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from ingest.lake.objects.store import ObjectStore
from ingest.settings import LakeSettings
from local.servers.s3_server import S3Server


class Harm(StrEnum):
    """The damage to a request that the proxy does not answer itself."""

    LOSE = "the endpoint does it, and the connection closes without an answer"
    RESET = "the connection is reset in the middle of the request's body; the endpoint never hears of it"
    CUT = "the answer's body ends half way, short of its Content-Length"
    SHORTEN = "the answer's body ends half way, and its Content-Length says so"
    ALTER = "one bit in the middle of the answer's body is another one"


@dataclass(frozen=True)
class Fault:
    """The fault for the next request of `method` whose path ends with `path_end`.

    With a `status`, the proxy answers with it, and the request does not reach the endpoint. Otherwise `harm` is done,
    with `spare_xml` except to a response of S3's own XML, which has no checksum.
    """

    method: str
    status: int | None = None
    body: bytes = b""
    path_end: str = ""
    harm: Harm = Harm.LOSE
    spare_xml: bool = False


@dataclass
class Storm:
    """Random faults for a share `rate` of all requests. The faults are counted."""

    chance: random.Random
    rate: float

    def __post_init__(self) -> None:
        self.struck: Counter[str] = Counter()
        self._lock = Lock()

    def strike(self, method: str, path: str) -> Fault | None:
        """Return the fault for this request, None for no fault."""
        with self._lock:
            if self.chance.random() >= self.rate:
                return None
            fault = self.chance.choice(_STORM[method])
            self.struck[f"{method} {fault.status or fault.harm.name}"] += 1
            return fault


def s3_error(code: str) -> bytes:
    """Return the body of an S3 error."""
    return f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>as told</Message></Error>'.encode()


def _storm(method: str) -> list[Fault]:
    answers = [
        Fault(method, 500, s3_error("InternalError")),
        Fault(method, 503, s3_error("SlowDown")),
        Fault(method, 502, b"<html>bad gateway</html>"),
        Fault(method, 400, s3_error("RequestTimeout")),
    ]
    return answers + [Fault(method, harm=harm, spare_xml=harm in (Harm.SHORTEN, Harm.ALTER)) for harm in Harm]


_STORM = {method: _storm(method) for method in ("GET", "PUT", "POST", "HEAD", "DELETE")}


class S3Proxy:
    """A proxy that forwards requests to `endpoint_url`, except those that a fault waits for. Each fault strikes once.

    A `storm` strikes other requests at random.
    """

    def __init__(self, upstream: S3Server) -> None:
        self.storm: Storm | None = None
        self._faults: deque[Fault] = deque()
        target = urlsplit(upstream.endpoint_url).netloc
        take = self._take

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                fault = take(self.command, self.path)
                if fault is not None and fault.status is None and fault.harm is Harm.RESET:
                    self.rfile.read(length // 2)
                    self._reset()
                    return
                body = self.rfile.read(length)
                if fault is not None and fault.status is not None:
                    self._answer(fault.status, [("Content-Type", "application/xml")], fault.body)
                    return
                connection = http.client.HTTPConnection(target)
                connection.request(self.command, self.path, body, dict(self.headers.items()))
                response = connection.getresponse()
                content = response.read()
                connection.close()
                if fault is not None and fault.spare_xml and content.lstrip().startswith(b"<?xml"):
                    fault = None
                match fault.harm if fault else None:
                    case Harm.LOSE:
                        self.close_connection = True
                    case Harm.CUT if content:
                        self._answer(response.status, response.getheaders(), content, sent=len(content) // 2)
                        self.close_connection = True
                    case Harm.SHORTEN:
                        self._answer(response.status, response.getheaders(), content[: len(content) // 2])
                    case Harm.ALTER:
                        self._answer(response.status, response.getheaders(), _altered(content))
                    case _:
                        self._answer(response.status, response.getheaders(), content)

            def _reset(self) -> None:
                """Close without reading the rest and without the usual farewell, so that the peer gets an RST."""
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
                self.wfile = self.rfile = io.BytesIO()

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass_on

            def _answer(
                self, status: int, headers: list[tuple[str, str]], content: bytes, *, sent: int | None = None
            ) -> None:
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content[:sent])

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

            def handle_expect_100(self) -> bool:
                self.send_response_only(100)
                self.end_headers()
                return True

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def endpoint_url(self) -> str:
        """Where the proxy listens."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def expect(self, *faults: Fault) -> None:
        """Make each of `faults` strike once, in this order."""
        self._faults.extend(faults)

    def forget(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    @property
    def struck(self) -> bool:
        """Whether all faults have struck."""
        return not self._faults

    def store(self, bucket: str, *, attempts: int = 1) -> ObjectStore:
        """Return the bucket through this proxy. boto3 itself tries `attempts` times."""
        settings = LakeSettings(bucket=bucket, endpoint_url=self.endpoint_url)
        config = Config(retries={"mode": "standard", "total_max_attempts": attempts}, s3={"addressing_style": "path"})
        client = boto3.session.Session().client(
            "s3", endpoint_url=self.endpoint_url, region_name=settings.region, config=config
        )
        return ObjectStore(settings, client)

    def _take(self, method: str, path: str) -> Fault | None:
        if self._faults and self._faults[0].method == method and path.endswith(self._faults[0].path_end):
            return self._faults.popleft()
        return self.storm.strike(method, path) if self.storm else None


def _altered(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(byte ^ 1 for byte in content[middle : middle + 1]) + content[middle + 1 :]


@contextmanager
def s3_proxy(upstream: S3Server) -> Iterator[S3Proxy]:
    """Yield a running proxy."""
    proxy = S3Proxy(upstream)
    thread = Thread(target=proxy.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.server.shutdown()
        proxy.server.server_close()
        thread.join()

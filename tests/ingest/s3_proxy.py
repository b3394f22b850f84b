"""A proxy before the S3 endpoint that misbehaves as told: it loses answers, or gives its own.

Clients speak to it over HTTP as to any endpoint, so what is tested is what boto3 makes of a bad day.
"""

from __future__ import annotations

import http.client
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from ingest.lake.store import ObjectStore
from ingest.settings import LakeSettings
from orchestration.local.s3_server import S3Server


@dataclass(frozen=True)
class Fault:
    """What happens to the next request of `method` whose path ends with `path_end`.

    With `status` None the request reaches the endpoint and its answer is lost; else it does not, and this is the
    answer.
    """

    method: str
    status: int | None = None
    body: bytes = b""
    path_end: str = ""


def s3_error(code: str) -> bytes:
    """The body of an S3 error."""
    return f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>as told</Message></Error>'.encode()


class S3Proxy:
    """Passes requests on to `endpoint_url`, but for those that a fault waits for; each fault strikes once."""

    def __init__(self, upstream: S3Server) -> None:
        self._faults: deque[Fault] = deque()
        target = urlsplit(upstream.endpoint_url).netloc
        take = self._take

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                fault = take(self.command, self.path)
                if fault is not None and fault.status is not None:
                    self._answer(fault.status, [("Content-Type", "application/xml")], fault.body)
                    return
                connection = http.client.HTTPConnection(target)
                connection.request(self.command, self.path, body, dict(self.headers.items()))
                response = connection.getresponse()
                content = response.read()
                connection.close()
                if fault is not None:
                    self.close_connection = True
                    return
                self._answer(response.status, response.getheaders(), content)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass_on

            def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

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
        """Let each of `faults` strike once, in this order."""
        self._faults.extend(faults)

    def forget(self) -> None:
        """Let no fault strike any more."""
        self._faults.clear()

    @property
    def struck(self) -> bool:
        """Whether all faults have struck."""
        return not self._faults

    def store(self, bucket: str, *, attempts: int = 1) -> ObjectStore:
        """The bucket through this proxy; boto3 itself tries `attempts` times."""
        settings = LakeSettings(bucket=bucket, endpoint_url=self.endpoint_url)
        config = Config(retries={"mode": "standard", "total_max_attempts": attempts}, s3={"addressing_style": "path"})
        client = boto3.session.Session().client(
            "s3", endpoint_url=self.endpoint_url, region_name=settings.region, config=config
        )
        return ObjectStore(settings, client)

    def _take(self, method: str, path: str) -> Fault | None:
        if self._faults and self._faults[0].method == method and path.endswith(self._faults[0].path_end):
            return self._faults.popleft()
        return None


@contextmanager
def s3_proxy(upstream: S3Server) -> Iterator[S3Proxy]:
    """A running proxy."""
    proxy = S3Proxy(upstream)
    thread = Thread(target=proxy.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.server.shutdown()
        proxy.server.server_close()
        thread.join()

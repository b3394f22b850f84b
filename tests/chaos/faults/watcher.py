"""A proxy before the S3 endpoint that shows every request as it comes and as it is answered, and drops it when told to.

So a campaign knows what a process was doing when it was killed, and can kill it between a write and its answer.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

from ingest.lake import layout


class Stage(StrEnum):
    """The stage of a request."""

    ASKED = "asked"
    DONE = "done"


class Kind(StrEnum):
    """The subject of a request."""

    READ_LOG = "read log"
    UPLOAD = "upload"
    COMMIT = "commit"
    HINT = "hint"
    FETCH = "fetch"
    OTHER = "other"


@dataclass(frozen=True)
class Request:
    """One request at one stage: ASKED before the endpoint hears of it, DONE before the client hears of its end."""

    method: str
    key: str
    stage: Stage

    @property
    def kind(self) -> Kind:
        """The subject of the request."""
        in_log = self.key.startswith(f"{layout.LOG}/")
        if self.method == "GET":
            return Kind.READ_LOG if in_log or not self.key else Kind.FETCH
        if self.method != "PUT":
            return Kind.OTHER
        if not in_log:
            return Kind.UPLOAD
        return Kind.COMMIT if layout.version_of(self.key) else Kind.HINT


Watch = Callable[[Request], bool]
"""Is shown each request at each stage; False drops it there: unasked, or done and unanswered."""


class Watcher:
    """A proxy that listens on a port of its own. `watch` may be exchanged at any time."""

    def __init__(self, endpoint_url: str) -> None:
        self.watch: Watch = lambda request: True
        target = urlsplit(endpoint_url).netloc
        shown = self._shown

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                self.upstream = http.client.HTTPConnection(target)

            def handle(self) -> None:
                with suppress(ConnectionError):  # a killed client has gone
                    super().handle()

            def finish(self) -> None:
                self.upstream.close()
                with suppress(ConnectionError):
                    super().finish()

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if not shown(self.command, self.path, Stage.ASKED):
                    self.close_connection = True
                    return
                self.upstream.request(self.command, self.path, body, dict(self.headers.items()))
                response = self.upstream.getresponse()
                content = response.read()
                if not shown(self.command, self.path, Stage.DONE):
                    self.close_connection = True
                    return
                self._answer(response, content)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass_on

            def _answer(self, response: http.client.HTTPResponse, content: bytes) -> None:
                self.send_response_only(response.status)
                length = response.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
                for name, value in response.getheaders():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", length or "0")
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
        """The URL at which the proxy listens."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def _shown(self, method: str, path: str, stage: Stage) -> bool:
        # /bucket/key?query; a listing has no key.
        key = unquote(urlsplit(path).path).lstrip("/").partition("/")[2]
        return self.watch(Request(method, key, stage))


@contextmanager
def watcher(endpoint_url: str) -> Iterator[Watcher]:
    """Yield a running proxy."""
    running = Watcher(endpoint_url)
    thread = Thread(target=running.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        running.server.shutdown()
        running.server.server_close()
        thread.join()

"""A chat's incoming webhook, as far as alerts need one: it answers `ok` to each POST, and lists what it received.

Run by a bare Python in a container of the stack's network; GET lists the bodies received, DELETE forgets them.
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any

PORT = 8099


class Receiver(ThreadingHTTPServer):
    """A server that keeps the received bodies."""

    def __init__(self, port: int) -> None:
        super().__init__(("", port), Handler)
        self.received: list[Any] = []
        self.lock = Lock()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Receiver

    def do_POST(self) -> None:
        """Keep the body."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.received.append(body)
        self._answer("ok")

    def do_GET(self) -> None:
        """Return all bodies, the oldest first."""
        with self.server.lock:
            told = json.dumps(self.server.received)
        self._answer(told)

    def do_DELETE(self) -> None:
        """Forget the received requests."""
        with self.server.lock:
            self.server.received.clear()
        self._answer("ok")

    def _answer(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


if __name__ == "__main__":
    Receiver(PORT).serve_forever()

"""A provider that answers `/v1/events` with one page of any records, including broken ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

RECEIVED_AT = "2026-01-31T12:00:01.000000Z"


@dataclass
class FakeProvider:
    """A provider that puts `records`, all received at one moment, into the page unchanged.

    Each of `refusals` (status, headers) answers one request instead.
    """

    records: list[str] = field(default_factory=list)
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    base_url: str = ""

    def answer(self, window_start: str) -> tuple[int, dict[str, str], bytes]:
        if self.refusals:
            status, headers = self.refusals.pop(0)
            return status, headers, json.dumps({"title": "As told", "status": status}).encode()
        records = self.records if window_start <= RECEIVED_AT else []
        page = f'{{"data": [{",".join(records)}], "next_cursor": null, "has_more": false}}'
        return 200, {}, page.encode()


def good_event(number: int) -> str:
    return json.dumps(
        {
            "event_id": f"evt_{number}",
            "type": "sent",
            "message_id": f"msg_{number}",
            "campaign_id": "cmp_1",
            "recipient": f"shopper{number:05d}@mail.example",
            "occurred_at": "2026-01-31T12:00:00.000000Z",
            "received_at": RECEIVED_AT,
        }
    )


@contextmanager
def fake_provider() -> Iterator[FakeProvider]:
    """Yield a running provider on 127.0.0.1."""
    provider = FakeProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            status, headers, body = provider.answer(query.get("from", [""])[0])
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    provider.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

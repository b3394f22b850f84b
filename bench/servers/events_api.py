"""The e-mail provider's event list, rendered beforehand and served from a file, so that it does not limit a client.

    python -m bench.servers.events_api --events N --folder DIR --port-file FILE

The records have the shape and size of the mock provider's. A cursor is the number of the page, so that a loop which
decodes nothing can request the same pages. A request for a page whose path begins with `/<n>ms` is answered n
milliseconds later.
"""

from __future__ import annotations

import argparse
import os
import re
import time
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import orjson

PAGE_SIZE = 1_000
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_TYPES = ("sent", "delivered", "opened", "sent", "delivered", "opened", "clicked", "sent", "delivered", "bounced")
_LATENCY = re.compile(r"^/(\d+)ms(/.*)$")


class Pages:
    """All pages in one file, and the offset of each."""

    def __init__(self, folder: Path, events: int) -> None:
        self.offsets = [0]
        self._path = folder / "pages"
        count = max(1, -(-events // PAGE_SIZE))
        with self._path.open("wb") as file:
            for page in range(count):
                first = page * PAGE_SIZE
                records = [_record(number) for number in range(first, min(first + PAGE_SIZE, events))]
                following = str(page + 1) if page + 1 < count else None
                body = {"data": records, "next_cursor": following, "has_more": following is not None}
                file.write(orjson.dumps(body))
                self.offsets.append(file.tell())
        self.descriptor = os.open(self._path, os.O_RDONLY)
        self.first_record = orjson.dumps({"data": [_record(0)], "next_cursor": "1", "has_more": True})


def _record(number: int) -> dict[str, object]:
    kind = _TYPES[number % len(_TYPES)]
    occurred = _EPOCH + timedelta(milliseconds=number * 250, microseconds=number % 1000)
    record: dict[str, object] = {
        "event_id": f"evt_{number * 2_654_435_761 % 2**64:016x}",
        "type": kind,
        "message_id": f"msg_{number // 3 * 40_503 % 2**48:012x}",
        "campaign_id": f"cmp_{number // 20_000:04d}",
        "recipient": f"shopper{number // 3 % 50_000:05d}@mail.example",
        "occurred_at": _rfc3339(occurred),
        "received_at": _rfc3339(occurred + timedelta(seconds=2)),
    }
    if kind == "clicked":
        record["link"] = {
            "url": f"https://shop.example/p/SKU-{number % 500:04d}?utm=mail",
            "sku": f"SKU-{number % 500:04d}",
        }
    if kind == "bounced":
        record["bounce"] = {"class": "hard", "code": 550, "reason": "5.1.1 mailbox unavailable"}
    if kind in ("opened", "clicked"):
        record["user_agent"] = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0"
    return record


def _rfc3339(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _handler(pages: Pages) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            delayed = _LATENCY.match(self.path)
            latency = int(delayed[1]) / 1000 if delayed else 0.0
            query = parse_qs(urlsplit(self.path).query)
            if query.get("limit") != [str(PAGE_SIZE)]:
                self._head(len(pages.first_record))
                self.wfile.write(pages.first_record)
                return
            time.sleep(latency)
            page = int(query.get("cursor", ["0"])[0])
            start, end = pages.offsets[page], pages.offsets[page + 1]
            self._head(end - start)
            while start < end:
                start += os.sendfile(self.connection.fileno(), pages.descriptor, start, end - start)

        def _head(self, length: int) -> None:
            self.send_response_only(HTTPStatus.OK)
            self.send_header("Date", self.date_time_string())
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(length))
            self.end_headers()

    return Handler


def main() -> None:
    """Render, then serve until the process is stopped."""
    parser = argparse.ArgumentParser(description="An event list for benchmarks.")
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port-file", type=Path, required=True)
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(Pages(options.folder, options.events)))
    draft = options.port_file.with_suffix(".new")
    draft.write_text(str(server.server_port))
    draft.replace(options.port_file)
    server.serve_forever()


if __name__ == "__main__":
    main()

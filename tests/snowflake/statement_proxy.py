"""A reverse proxy in front of an emulated Snowflake that knows its wire: it sees statements, and lets them go wrong.

    proxy.on("^COPY", Refused(630, "57014", "Statement reached its statement or warehouse timeout ..."))
    proxy.on("^COMMIT", Lost(after=True))      the answer never arrives, and the session is gone with it
    proxy.on("^INSERT", Unavailable(503))      once, then as ever
    proxy.on_login(Refused(390144, "08001", "JWT token is invalid."))

A rule is for the `nth` statement that matches, and for `times` of them. As Snowflake does, the proxy knows a request
that is sent again by its id, and gives it the answer of the first: nothing runs twice.
"""

from __future__ import annotations

import gzip
import http.client
import json
import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_LOGIN, _QUERY, _CANCEL = "/session/v1/login-request", "/queries/v1/query-request", "/queries/v1/abort-request"
_ABORT = re.compile(r"SYSTEM\$ABORT_SESSION\((\d+)\)", re.IGNORECASE)


@dataclass(frozen=True)
class Refused:
    """Answer with a Snowflake error. The statement does not run."""

    errno: int
    sqlstate: str
    message: str


@dataclass(frozen=True)
class Lost:
    """Cut the connection before the statement arrives, or before its response does.

    From then on nothing of its session gets through.
    """

    after: bool


@dataclass(frozen=True)
class Unavailable:
    """Answer with an HTTP status; the statement does not run."""

    status: int


@dataclass(frozen=True)
class Held:
    """Hold the statement (`before`) or its response until `release` is set. `reached` is set when it is held."""

    before: bool = False
    reached: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    def keep(self) -> None:
        """Wait for the release."""
        self.reached.set()
        self.release.wait()


Effect = Refused | Lost | Unavailable | Held


@dataclass
class _Rule:
    pattern: re.Pattern[str]
    effect: Effect
    skip: int
    times: float

    def applies(self, statement: str) -> bool:
        """Return whether the rule is for this statement, and count down."""
        if self.times <= 0 or not self.pattern.search(statement):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass(frozen=True)
class _Answer:
    status: int
    body: bytes


class StatementProxy:
    """A proxy of statements on their way to `host`:`port`, with effects by rules. Thread-safe."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._guard = threading.Lock()
        self._rules: list[_Rule] = []
        self._login: deque[Effect] = deque()
        self._answers: dict[str, _Answer] = {}
        self._lost: set[str] = set()
        self._tokens: dict[int, str] = {}
        self.statements: list[str] = []
        self.logins = 0
        """How often somebody has tried to log in."""
        self.cancelled = threading.Event()
        """Set when a client has asked to cancel a statement."""

    def on(self, pattern: str, effect: Effect, *, nth: int = 1, times: float = 1) -> None:
        """Have `effect` at the `nth` statement that matches, and for `times` of them."""
        with self._guard:
            self._rules.append(_Rule(re.compile(pattern, re.IGNORECASE), effect, nth - 1, times))

    def on_login(self, *effects: Effect) -> None:
        """Have these effects at the next logins, one each."""
        with self._guard:
            self._login.extend(effects)

    def calm(self) -> None:
        """Remove all rules."""
        with self._guard:
            self._rules.clear()
            self._login.clear()
            self.statements.clear()

    def end_sessions(self) -> None:
        """End all sessions, as Snowflake does with a lost session whose open transaction blocks others."""
        with self._guard:
            tokens, self._tokens = list(self._tokens.values()), {}
        for token in tokens:
            self._end_session(token)

    def seen(self, pattern: str) -> list[str]:
        """Return the statements that matched, in order. A repeated request counts once."""
        with self._guard:
            return [statement for statement in self.statements if re.search(pattern, statement, re.IGNORECASE)]

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> _Answer | None:
        """Return the response to a request; None for a connection that is cut."""
        path = urlsplit(target).path
        token = headers.get("Authorization", "")
        if token in self._lost:
            return None
        if path == _CANCEL:
            self.cancelled.set()
        if path == _LOGIN:
            return self._log_in(target, headers, body)
        if path == _QUERY:
            return self._query(target, headers, body, token)
        return self._forward(method, target, headers, body)

    def _log_in(self, target: str, headers: dict[str, str], body: bytes) -> _Answer | None:
        with self._guard:
            self.logins += 1
            effect = self._login.popleft() if self._login else None
        if effect is not None:
            return _without(effect)
        answer = self._forward("POST", target, headers, body)
        data = json.loads(answer.body).get("data") or {}
        if "sessionId" in data and "token" in data:
            with self._guard:
                self._tokens[int(data["sessionId"])] = f'Snowflake Token="{data["token"]}"'
        return answer

    def _query(self, target: str, headers: dict[str, str], body: bytes, token: str) -> _Answer | None:
        request_id = parse_qs(urlsplit(target).query)["requestId"][0]
        with self._guard:
            if request_id in self._answers:
                return self._answers[request_id]
        statement = _statement(headers, body)
        with self._guard:
            self.statements.append(statement)
            effect = next((rule.effect for rule in self._rules if rule.applies(statement)), None)
        if isinstance(effect, Refused | Unavailable) or effect == Lost(after=False):
            if isinstance(effect, Lost):
                self._lost.add(token)
            return _without(effect)
        if isinstance(effect, Held) and effect.before:
            effect.keep()
        answer = self._run(target, headers, body, statement)
        with self._guard:
            self._answers[request_id] = answer
        if isinstance(effect, Held) and not effect.before:
            effect.keep()
        if isinstance(effect, Lost):
            self._lost.add(token)
            return None
        return answer

    def _run(self, target: str, headers: dict[str, str], body: bytes, statement: str) -> _Answer:
        if (match := _ABORT.search(statement)) and (lost := self._tokens.get(int(match[1]))):
            self._end_session(lost)  # whatever the emulator knows of this function
        return self._forward("POST", target, headers, body)

    def _end_session(self, token: str) -> None:
        self._forward("POST", "/session?delete=true", {"Authorization": token}, b"")

    def _forward(self, method: str, target: str, headers: dict[str, str], body: bytes) -> _Answer:
        connection = http.client.HTTPConnection(*self._upstream, timeout=60)
        try:
            kept = {name: value for name, value in headers.items() if name.lower() not in _HOP}
            connection.request(method, target, body, kept)
            response = connection.getresponse()
            return _Answer(response.status, response.read())
        finally:
            connection.close()


_HOP = ("host", "connection", "content-length", "accept-encoding", "transfer-encoding")


def _statement(headers: dict[str, str], body: bytes) -> str:
    text = gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body
    return str(json.loads(text)["sqlText"])


def _without(effect: Effect) -> _Answer | None:
    """Return the response to a request that is not forwarded."""
    if isinstance(effect, Refused):
        code = f"{effect.errno:06d}"
        data = {"errorCode": code, "sqlState": effect.sqlstate, "queryId": "01b2c3d4-0000-1111-0000-000000000001"}
        error: dict[str, Any] = {"data": data, "code": code, "message": effect.message, "success": False}
        return _Answer(200, json.dumps(error).encode())
    if isinstance(effect, Unavailable):
        return _Answer(effect.status, b"{}")
    return None


@contextmanager
def statement_proxy(host: str, port: int) -> Iterator[tuple[StatementProxy, int]]:
    """Yield a proxy in a thread of this process, and its port on 127.0.0.1."""
    proxy = StatementProxy(host, port)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = proxy.answer(self.command, self.path, dict(self.headers), body)
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the statements are what counts."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy, server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""HTTP/1.1 on one connection, with limits to the time in which a request must arrive.

uvicorn waits for the rest of a request without a limit, so a few hundred half-sent requests would hold as many
connections for ever.
"""

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_TIMED_OUT = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n\r\n"
    b"The request took too long to arrive."
)


@dataclass(frozen=True)
class Limits:
    """The limits, in seconds, for the arrival of a request's head (its line and headers) and of its body, each as a
    whole.
    """

    head_seconds: float = 10.0
    body_seconds: float = 20.0


DEFAULT_LIMITS = Limits()


class _Arriving(Enum):
    """The part of a request that is arriving."""

    NOTHING = "nothing"
    HEAD = "head"
    BODY = "body"


class LimitedH11Protocol(H11Protocol):
    """uvicorn's protocol, which gives up a request that does not arrive.

    It stores the connection in the request's state, because ASGI has no message to cut it, which a fault needs.
    """

    limits: ClassVar[Limits] = DEFAULT_LIMITS

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._arriving = _Arriving.NOTHING
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection. Its first request must arrive within the limit, because no client needs to connect long
        before.
        """
        super().connection_made(transport)
        self.app_state = {**self.app_state, "connection": transport}
        self._expect(_Arriving.HEAD)

    def data_received(self, data: bytes) -> None:
        """Take the received bytes, and go on waiting for the rest."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Wait for the next request, a part of which may have arrived already."""
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the connection."""
        self._expect(_Arriving.NOTHING)
        super().connection_lost(exc)

    def _look(self) -> None:
        theirs = self.conn.their_state
        if theirs is h11.SEND_BODY:
            arriving = _Arriving.BODY
        elif theirs is h11.IDLE and self.conn.trailing_data[0]:
            arriving = _Arriving.HEAD
        else:
            arriving = _Arriving.NOTHING
        if arriving is not self._arriving:
            self._expect(arriving)

    def _expect(self, arriving: _Arriving) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._arriving = arriving
        if arriving is not _Arriving.NOTHING:
            whole = self.limits.head_seconds if arriving is _Arriving.HEAD else self.limits.body_seconds
            self._timer = self.loop.call_later(whole, self._give_up)

    def _give_up(self) -> None:
        begun = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        sent_something = self._arriving is _Arriving.BODY or bool(self.conn.trailing_data[0])
        if sent_something and not begun and not self.transport.is_closing():
            self.transport.write(_TIMED_OUT)
        self.transport.close()

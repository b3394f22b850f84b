"""A TCP proxy before Postgres that cuts connections: after so many bytes of the server's, or when it is told to."""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

from psycopg2.extensions import make_dsn, parse_dsn

_CHUNK = 4096


class TcpProxy:
    """A proxy that listens on a port of 127.0.0.1, any by default, and forwards to `port` of 127.0.0.1.

    Each connection takes the next of `cuts`: after that many bytes from the server it is reset on both sides.
    """

    def __init__(self, port: int, *, listen: int = 0) -> None:
        self.cuts: deque[int] = deque()
        self.was_cut = 0
        self._upstream = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", listen))
        self._threads: list[Thread] = []

    @property
    def port(self) -> int:
        """The port on which it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    def before(self, dsn: str) -> str:
        """Return the connection string through this proxy."""
        assert int(parse_dsn(dsn)["port"]) == self._upstream[1]
        return make_dsn(dsn, host="127.0.0.1", port=self.port)

    def serve(self) -> None:
        """Accept until `close`."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._spawn(client)

    def close(self) -> None:
        """Accept no more, and wait until all connections have ended."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _spawn(self, client: socket.socket) -> None:
        cut = self.cuts.popleft() if self.cuts else None
        thread = Thread(target=self._connect, args=(client, cut), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _connect(self, client: socket.socket, cut: int | None) -> None:
        with client, suppress(OSError), socket.create_connection(self._upstream) as server:
            self._open(client, server)
            back = Thread(target=self._pass_on, args=(client, server, None), daemon=True)
            back.start()
            self._pass_on(server, client, cut)
            back.join()

    def _open(self, client: socket.socket, server: socket.socket) -> None:
        """Do nothing. Called before any byte is forwarded."""

    def _pass_on(self, source: socket.socket, target: socket.socket, limit: int | None) -> None:
        left = limit
        with suppress(OSError):
            while data := source.recv(_CHUNK if left is None else min(_CHUNK, left)):
                target.sendall(data)
                left = None if left is None else left - len(data)
                if left == 0:
                    self.was_cut += 1
                    _will_be_reset(source, target)
                    return
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


def _will_be_reset(*ends: socket.socket) -> None:
    """Wake the readers of these sockets, and make their peers get an RST when they are closed."""
    for end in ends:
        with suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.shutdown(socket.SHUT_RD)


@contextmanager
def tcp_proxy(port: int, *, listen: int = 0) -> Iterator[TcpProxy]:
    """Yield a running proxy."""
    proxy = TcpProxy(port, listen=listen)
    thread = Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()

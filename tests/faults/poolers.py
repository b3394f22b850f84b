"""Poolers before a Postgres: a real PgBouncer, and a proxy that drops a client's start-up parameters."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from local.accounts import unprivileged_account
from local.servers.postgres_server import free_port
from tests.faults.tcp_proxy import TcpProxy

PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
needs_pgbouncer = pytest.mark.skipif(PGBOUNCER is None, reason="there is no PgBouncer here (apt-get install pgbouncer)")

_NEGOTIATIONS = (80877103, 80877104)  # TLS and GSSAPI, to which "N" is no
_STARTUP = 196608


class ForgetfulProxy(TcpProxy):
    """A proxy that passes on only the start-up parameters user and database, as a pooler may."""

    def _open(self, client: socket.socket, server: socket.socket) -> None:
        while True:
            length, code = (int.from_bytes(_exactly(client, 4)) for _ in range(2))
            rest = _exactly(client, length - 8)
            if code in _NEGOTIATIONS:
                client.sendall(b"N")
                continue
            if code == _STARTUP:
                words = rest.rstrip(b"\0").split(b"\0")
                kept = [pair for pair in zip(words[::2], words[1::2], strict=True) if pair[0] in (b"user", b"database")]
                rest = b"".join(word + b"\0" for pair in kept for word in pair) + b"\0"
            server.sendall((len(rest) + 8).to_bytes(4) + code.to_bytes(4) + rest)
            return


def _exactly(source: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        more = source.recv(count - len(found))
        if not more:
            raise OSError("closed")
        found += more
    return found


@contextmanager
def forgetful_proxy(port: int) -> Iterator[ForgetfulProxy]:
    """Yield a running proxy before the Postgres at `port`."""
    proxy = ForgetfulProxy(port)
    thread = Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()


@contextmanager
def pgbouncer(dsn: str, *, mode: str, ignored: str = "") -> Iterator[str]:
    """Yield the DSN through a PgBouncer before the server of `dsn`.

    It drops the start-up parameters in `ignored`, and refuses other unknown ones.
    """
    assert PGBOUNCER is not None
    given = parse_dsn(dsn)
    port = free_port()
    with TemporaryDirectory() as name:
        folder = Path(name)
        users, settings = folder / "users.txt", folder / "pgbouncer.ini"
        users.write_text(f'"{given["user"]}" "{given["password"]}"\n')
        settings.write_text(
            f"[databases]\n* = host=127.0.0.1 port={given['port']}\n[pgbouncer]\nlisten_addr=127.0.0.1\n"
            f"listen_port={port}\nauth_type=plain\nauth_file={users}\npool_mode={mode}\nunix_socket_dir=\n"
            f"ignore_startup_parameters={ignored}\nlogfile={folder / 'pgbouncer.log'}\n"
        )
        account = unprivileged_account()
        if account is not None:  # it does not run as root
            for path in (folder, users, settings):
                os.chown(path, account.uid, account.gid)
        process = subprocess.Popen(
            [PGBOUNCER, "-q", str(settings)],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=account.uid if account else None,
            group=account.gid if account else None,
        )
        try:
            _wait_for(port, process)
            yield make_dsn(dsn, host="127.0.0.1", port=port)
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        with suppress(subprocess.TimeoutExpired):
            pytest.fail(f"PgBouncer ended with {process.wait(0.05)}")
    pytest.fail("PgBouncer does not listen")

"""Runs the application on a socket, until a signal stops it."""

import logging
import signal
import socket
from types import FrameType
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI

from mock_saas.api.context import access_logger
from mock_saas.api.protocol import DEFAULT_LIMITS, LimitedH11Protocol, Limits
from mock_saas.settings import Settings

GRACEFUL_SHUTDOWN_SECONDS = 5
KEEP_ALIVE_SECONDS = 75
"""Longer than clients keep idle connections, so that it is the client who closes them: no request is lost."""


class JsonAccessFormatter(logging.Formatter):
    """A formatter of access log lines as JSON objects."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the log line."""
        fields: dict[str, Any] = {"level": record.levelname, "message": record.getMessage()}
        return orjson.dumps({**fields, **getattr(record, "request", {})}).decode()


class PlainAccessFormatter(logging.Formatter):
    """A formatter of access log lines for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(message)s %(milliseconds).1f ms %(request_id)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the log line."""
        request = getattr(record, "request", {})
        record.milliseconds = 1000 * request.get("seconds", 0.0)
        record.request_id = request.get("request_id", "-")
        return super().format(record)


def configure_logging(access_log: str) -> None:
    """Send warnings and errors to standard error, and the access log if it is wanted (``off``, ``plain``, ``json``)."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # A fault that cuts a connection is intended, not an error that the server should report.
    access_logger.propagate = False
    if access_log != "off":
        handler = logging.StreamHandler()
        handler.setFormatter(JsonAccessFormatter() if access_log == "json" else PlainAccessFormatter())
        access_logger.addHandler(handler)
        access_logger.setLevel(logging.INFO)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Port 0 takes a free one.

    Raises:
        OSError: the address cannot be resolved or bound.
    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def make_server(app: FastAPI, given: Limits = DEFAULT_LIMITS) -> uvicorn.Server:
    """Return the server of the application. The application itself sets the headers Date and Server."""

    class Protocol(LimitedH11Protocol):
        """The protocol within these limits."""

        limits = given

    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=Protocol,
            ws="none",
            log_config=None,
            access_log=False,
            date_header=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
        )
    )


def serve(app: FastAPI, settings: Settings, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM, then finish the running requests and return."""
    configure_logging(settings.access_log)

    def stopped(_signal: int, _frame: FrameType | None) -> None:
        """Do nothing. The server raises the signal again after it has stopped, but a requested stop is no failure."""

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stopped)
    make_server(app).run(sockets=[listener])

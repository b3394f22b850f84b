"""The S3 endpoint's own process: moto's server with atomic conditional writes and faster listings.

    python -m local.servers.s3_app --port-file FILE

The server binds a free port of 127.0.0.1 itself and then writes its number into FILE, so no port is ever guessed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import Any

from common.garbage import collect_seldom, leave_out_present_objects

collect_seldom()

from moto import backends  # noqa: E402
from moto.moto_server.werkzeug_app import (  # noqa: E402
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server  # noqa: E402

from local.servers.s3_listing import list_by_names  # noqa: E402

Environ = dict[str, Any]
WsgiApplication = Callable[[Environ, Any], Iterable[bytes]]

_CONDITIONS = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH")
_WRITES = ("PUT", "POST")


class ConditionalWrites:
    """WSGI middleware that admits one conditional write at a time.

    moto checks whether the key exists and then writes, in a threaded server: two writers could both be told that they
    were first. S3 decides atomically, and the commit log relies on that.
    """

    def __init__(self, application: WsgiApplication) -> None:
        self._application = application
        self._one_at_a_time = Lock()

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in _WRITES and any(name in environ for name in _CONDITIONS):
            # The response is complete when the call returns, because moto's handlers do not stream.
            with self._one_at_a_time:
                return self._application(environ, start_response)
        return self._application(environ, start_response)


def cache_moto_modules() -> None:
    """Cache moto's search for a service's folder: it looks through 200 entries on each request, a fifth of its time."""
    modules = frozenset(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules


def main() -> None:
    """Serve until the process is stopped."""
    parser = argparse.ArgumentParser(description="An S3 endpoint in memory.")
    parser.add_argument("--port-file", type=Path, required=True)
    port_file: Path = parser.parse_args().port_file
    cache_moto_modules()
    list_by_names()
    application = ConditionalWrites(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    leave_out_present_objects()
    draft = port_file.with_suffix(".new")
    draft.write_text(str(server.port))
    draft.replace(port_file)
    server.serve_forever()


if __name__ == "__main__":
    main()

"""The local S3 endpoint with three more routes, for operations that would take too long through S3's API.

python -m bench.servers.s3_app --port-file FILE

GET    /-/requests/<bucket>   how many requests the bucket has had, as S3 prices them: {"put": 1, "get": 2, "free": 0}
POST   /-/objects/<bucket>    put objects, a JSON object of bodies by key
DELETE /-/bucket/<bucket>     remove the bucket with all its objects
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orjson
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

from local.servers.s3_app import ConditionalWrites, cache_moto_modules
from local.servers.s3_listing import list_by_names

Environ = dict[str, Any]
WsgiApplication = Callable[[Environ, Any], Iterable[bytes]]


class BackDoors:
    """WSGI middleware: counts the requests of each bucket (path style), and serves `/-/`."""

    def __init__(self, application: WsgiApplication) -> None:
        self._application = application
        self._requests: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        first, _, rest = environ["PATH_INFO"].strip("/").partition("/")
        if first != "-":
            self._requests[first][_tier(environ)] += 1
            return self._application(environ, start_response)
        door, _, bucket = rest.partition("/")
        if environ["REQUEST_METHOD"] == "DELETE":
            answer = _drop(bucket)
        else:
            answer = orjson.dumps(self._requests[bucket]).decode() if door == "requests" else _put(bucket, environ)
        start_response("200 OK", [("Content-Length", str(len(answer)))])
        return [answer.encode()]


def _tier(environ: Environ) -> str:
    """Return the price class of a request: PUT, POST, COPY and LIST are `put`, GET and HEAD are `get`, DELETE is
    `free`.
    """
    method = environ["REQUEST_METHOD"]
    if method == "DELETE":
        return "free"
    listing = method == "GET" and "/" not in environ["PATH_INFO"].strip("/")
    return "put" if listing or method in ("PUT", "POST") else "get"


def _put(bucket: str, environ: Environ) -> str:
    objects: dict[str, str] = orjson.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for key, body in objects.items():
        backend.put_object(bucket, key, body.encode())
    return str(len(objects))


def _drop(bucket: str) -> str:
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    keys = backend.buckets[bucket].keys
    for key in list(keys):
        del keys[key]
    backend.delete_bucket(bucket)
    return "gone"


def main() -> None:
    """Serve until the process is stopped."""
    parser = argparse.ArgumentParser(description="An S3 endpoint in memory.")
    parser.add_argument("--port-file", type=Path, required=True)
    port_file: Path = parser.parse_args().port_file
    cache_moto_modules()
    list_by_names()
    application = BackDoors(ConditionalWrites(DomainDispatcherApplication(create_backend_app)))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    draft = port_file.with_suffix(".new")
    draft.write_text(str(server.port))
    draft.replace(port_file)
    server.serve_forever()


if __name__ == "__main__":
    main()

"""The authorities' certificates, read once for each process instead of once for each client.

Prefect makes a client for almost every message to its server. httpx reads the certificates for each client, even over
HTTP: 25 ms of a core, some thirty times in a run that hands its streams out.
"""

from __future__ import annotations

import os
import ssl
from functools import cache
from typing import Any

from httpx._config import create_ssl_context
from httpx._transports import default as transports

_make = create_ssl_context


@cache
def _made(verify: bool | str, trust_env: bool, *_: str | None) -> ssl.SSLContext:
    return _make(verify=verify, trust_env=trust_env)


def _once(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
    if cert is not None or not isinstance(verify, bool | str):
        return _make(verify=verify, cert=cert, trust_env=trust_env)
    return _made(verify, trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


def read_certificates_once() -> None:
    """Let all clients of this process that trust the same authorities share one reading. For processes of one run."""
    transports.create_ssl_context = _once  # type: ignore[attr-defined]

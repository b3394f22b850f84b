"""The route to an API: directly or through the environment's proxy, and the certificates that are trusted.

The variables are those of curl and most programs: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY in either case;
SSL_CERT_FILE and SSL_CERT_DIR.
"""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError

from ingest.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONNECTIONS = 16


def pool_for(base_url: str) -> urllib3.PoolManager:
    """Return a pool of connections for `base_url`. Raises ConfigurationError if the proxy's URL is invalid."""
    options: dict[str, Any] = {"maxsize": _CONNECTIONS}
    if urlsplit(base_url).scheme == "https":
        options["ssl_context"] = _trusting_context()
    proxy = proxy_of(base_url, getproxies())
    if proxy is None:
        return urllib3.PoolManager(**options)
    try:
        return urllib3.ProxyManager(proxy, proxy_headers=_login(proxy), **options)
    except (HTTPError, ValueError):
        # The error's own text may show the address, with a password in it.
        raise ConfigurationError(
            "the proxy that the environment names is none for HTTP",
            hint="Correct HTTP_PROXY, HTTPS_PROXY or ALL_PROXY: it looks like http://proxy.example:3128.",
        ) from None


def proxy_of(url: str, proxies: Mapping[str, str]) -> str | None:
    """Return the proxy among `proxies` (by scheme, or `all`) for `url`; None for a direct connection."""
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc):
        return None
    found = proxies.get(parts.scheme) or proxies.get("all")
    return found if not found or "://" in found else f"http://{found}"


def _login(proxy: str) -> dict[str, str] | None:
    parts = urlsplit(proxy)
    if not parts.username:
        return None
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return urllib3.make_headers(proxy_basic_auth=login)


def _trusting_context() -> ssl.SSLContext:
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file or folder:
        return ssl.create_default_context(cafile=file, capath=folder)
    import certifi

    return ssl.create_default_context(cafile=certifi.where())

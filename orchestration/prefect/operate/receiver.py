"""Restricts where alerts may be sent: not to link-local addresses, where clouds serve a machine's credentials.

The client connects to the very address that was looked up and checked, so that a second lookup of the name cannot lead
elsewhere.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from urllib.request import getproxies, proxy_bypass

import httpx
from pydantic import Field

from ingest.settings import Settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        (
            "100.100.100.200",  # Alibaba Cloud
            "168.63.129.16",  # Azure's platform
            "192.0.0.192",  # Oracle Cloud
            "fd00:ec2::254",  # AWS
            "fd20:ce::254",  # Google Cloud
        ),
    )
)
"""Where clouds answer with metadata, beside the link-local addresses."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class ReceiverError(ValueError):
    """Alerts must not be sent to this receiver. The message names neither the URL nor the address."""


class ReceiverSettings(Settings):
    """The setting that allows link-local receivers."""

    allow_link_local: bool = Field(default=False, validation_alias="ALERT_WEBHOOK_ALLOW_LINK_LOCAL")
    """Whether a receiver of alerts may have a link-local address, or one where clouds keep credentials."""


def is_forbidden(address: Address) -> bool:
    """Return whether an address is link-local or a cloud's metadata address, even if IPv6 wraps it."""
    return any(plain.is_link_local or plain in _METADATA for plain in _unwrapped(address))


def _unwrapped(address: Address) -> Sequence[Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    wrapped = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        wrapped.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [address, *(inner for inner in wrapped if inner is not None)]


def addresses_of(host: str) -> list[Address]:
    """Return every address of a name, in any notation that the system accepts. Raises OSError if it has none."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [ipaddress.ip_address(str(place[0]).partition("%")[0]) for *_, place in found]


def require_allowed(host: str) -> Address | None:
    """Return the address to connect to; None if the name cannot be looked up here. Raises ReceiverError."""
    try:
        addresses = addresses_of(host)
    except (OSError, UnicodeError):
        return None
    if not ReceiverSettings.load().allow_link_local and any(map(is_forbidden, addresses)):
        raise ReceiverError(
            "alerts are not sent to link-local addresses, where clouds keep credentials "
            "(ALERT_WEBHOOK_ALLOW_LINK_LOCAL=true allows it)"
        )
    return addresses[0]


def client(**options: object) -> httpx.AsyncClient:
    """Return an HTTP client that connects only to allowed receivers, and follows no redirect."""
    return httpx.AsyncClient(transport=_Allowed(), follow_redirects=False, **options)  # type: ignore[arg-type]


class _Allowed(httpx.AsyncBaseTransport):
    """A transport that connects to the checked address.

    A proxy looks names up itself, so through a proxy only the addresses known here are checked.
    """

    def __init__(self) -> None:
        self._direct = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        address = await asyncio.to_thread(require_allowed, host)
        proxy = None if proxy_bypass(host) else getproxies().get(request.url.scheme)
        if proxy:
            async with httpx.AsyncHTTPTransport(proxy=proxy) as through:
                answer = await through.handle_async_request(request)
                await answer.aread()
                return answer
        if address is None:
            raise httpx.ConnectError("the name of the receiver has no address", request=request)
        extensions = {**request.extensions, "sni_hostname": host}
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=str(address)),
            headers=request.headers,  # with the Host header of the original request
            stream=request.stream,
            extensions=extensions,
        )
        return await self._direct.handle_async_request(pinned)

    async def aclose(self) -> None:
        await self._direct.aclose()

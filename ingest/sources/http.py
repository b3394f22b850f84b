"""One GET against the provider's API, with its answers put into the platform's taxonomy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Self

import httpx
from pydantic import SecretStr

from ingest.errors import (
    AccessError,
    ConfigurationError,
    PlatformError,
    RateLimitedError,
    TransientError,
    UnreachableError,
)

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)


class ApiClient:
    """A client for one base URL and Bearer key. Safe for several threads; `close` when done."""

    def __init__(self, base_url: str, key: SecretStr, transport: httpx.BaseTransport | None = None) -> None:
        if not key.get_secret_value():
            raise AccessError("there is no API key", hint="Set SAAS_API_KEY.")
        self._base_url = base_url
        try:
            self._client = httpx.Client(
                base_url=base_url,
                headers={"Authorization": f"Bearer {key.get_secret_value()}", "Accept": "application/json"},
                timeout=_TIMEOUT,
                transport=transport,
            )
        except (httpx.InvalidURL, ValueError, UnicodeEncodeError):
            raise ConfigurationError("SAAS_BASE_URL or SAAS_API_KEY cannot be used as given") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, params: dict[str, str | int]) -> httpx.Response:
        """One try. Raises TransientError (RateLimitedError), AccessError or ConfigurationError."""
        try:
            response = self._client.get(path, params=params)
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError) as error:
            raise ConfigurationError(
                f"cannot call {self._base_url}{path}: {error}", hint="Correct SAAS_BASE_URL."
            ) from error
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise UnreachableError(
                f"the API at {self._base_url} does not answer: {error}", hint="Is it up, and is SAAS_BASE_URL right?"
            ) from error
        except httpx.HTTPError as error:
            raise TransientError(f"the API at {self._base_url} broke off: {type(error).__name__} {error}") from error
        if response.status_code != httpx.codes.OK:
            raise self._refusal(response, path)
        return response

    def _refusal(self, response: httpx.Response, path: str) -> PlatformError:
        status = response.status_code
        said = f"{status} {_problem(response)}".strip()
        where = f"{self._base_url}{path}"
        if status in (401, 403):
            return AccessError(f"the API refuses the key at {where}: {said}", hint="Check SAAS_API_KEY.")
        if status in (429, 503):
            return RateLimitedError(
                f"the API asks to wait at {where}: {said}",
                retry_after=parse_retry_after(response.headers.get("Retry-After"), now=server_time(response)),
            )
        if status == 408 or status >= 500:
            return TransientError(f"the API failed at {where}: {said}")
        return ConfigurationError(f"the API does not accept the request {where}: {said}", hint="Check SAAS_BASE_URL.")


def parse_retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """What `Retry-After` asks for: seconds, or the time until an HTTP date. None where it is absent or unreadable."""
    if value is None:
        return None
    text = value.strip()
    if text.isdigit():
        return timedelta(seconds=int(text))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(moment - now, timedelta(0))


def server_time(response: httpx.Response) -> datetime:
    """The provider's clock, from the `Date` header; ours where it sends none."""
    value = response.headers.get("Date")
    if value:
        try:
            moment: datetime = parsedate_to_datetime(value)
            return moment.astimezone(UTC)
        except ValueError:
            return datetime.now(UTC)
    return datetime.now(UTC)


def _problem(response: httpx.Response) -> str:
    """What the body says of an error, by RFC 9457 where it does."""
    try:
        body: Any = response.json()
    except ValueError:
        return response.reason_phrase
    if isinstance(body, dict):
        return str(body.get("detail") or body.get("title") or response.reason_phrase)
    return response.reason_phrase

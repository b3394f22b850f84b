"""One GET against the provider's API, with its answers put into the platform's taxonomy."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Any, Self

import httpx
from pydantic import SecretStr

from common.foreign_text import in_one_line
from ingest.errors import (
    AccessError,
    ConfigurationError,
    DataError,
    PlatformError,
    RateLimitedError,
    TransientError,
    UnreachableError,
)
from ingest.settings import problem_of_url
from ingest.sources.api import answer_body

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_LONGEST_ANSWER_SECONDS = 300.0
_LONGEST_PROBLEM = 300
_LONGEST_REFUSAL_BYTES = 64 * 2**10
DEFAULT_ANSWER_BYTES = 128 * 2**20
_OF_THE_TRANSFER = {"content-encoding", "content-length", "transfer-encoding"}
"""Headers that no longer hold for a body that has arrived and is decoded."""


class ApiClient:
    """A client for one base URL and Bearer key. Safe for several threads; `close` when done.

    An answer whose decoded body is longer than `answer_bytes` is refused, and never held in memory.
    """

    def __init__(
        self,
        base_url: str,
        key: SecretStr,
        transport: httpx.BaseTransport | None = None,
        *,
        answer_bytes: int = DEFAULT_ANSWER_BYTES,
    ) -> None:
        self._base_url = base_url
        self._answer_bytes = answer_bytes
        self._client = httpx.Client(
            base_url=_checked_url(base_url),
            headers={
                "Authorization": f"Bearer {_checked_key(key)}",
                "Accept": "application/json",
                "Accept-Encoding": answer_body.ENCODING,
            },
            timeout=_TIMEOUT,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, params: dict[str, str | int]) -> httpx.Response:
        """One try. Raises TransientError (RateLimitedError), AccessError, ConfigurationError, DataError (too long)."""
        try:
            response = self._whole_answer(path, params)
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
        except answer_body.BodyError as error:
            raise TransientError(f"the answer of {self._base_url}{path} cannot be read: {error}") from error
        if response.status_code != httpx.codes.OK:
            raise self._refusal(response, path)
        return response

    def _whole_answer(self, path: str, params: dict[str, str | int]) -> httpx.Response:
        """The answer and its decoded body; of a refusal's body only the beginning.

        httpx limits each wait for more of it, but neither their number nor what it decodes.
        """
        deadline = monotonic() + _LONGEST_ANSWER_SECONDS
        body = bytearray()
        with self._client.stream("GET", path, params=params) as answer:
            assert isinstance(answer.stream, httpx.SyncByteStream)  # noqa: S101 - the client is not async
            for piece in answer_body.decoded(answer.stream, answer.headers.get("Content-Encoding", "")):
                body += piece
                if answer.status_code != httpx.codes.OK and len(body) >= _LONGEST_REFUSAL_BYTES:
                    break
                if len(body) > self._answer_bytes:
                    raise DataError(
                        f"the answer of {self._base_url}{path} has more than {self._answer_bytes:,} bytes once decoded",
                        hint="Raise SAAS_ANSWER_BYTES, or lower SAAS_PAGE_SIZE.",
                    )
                if monotonic() > deadline:
                    raise TransientError(
                        f"the API at {self._base_url} did not give a whole answer in {_LONGEST_ANSWER_SECONDS:g} s"
                    )
        headers = [item for item in answer.headers.multi_items() if item[0] not in _OF_THE_TRANSFER]
        return httpx.Response(answer.status_code, headers=headers, content=bytes(body))

    def _refusal(self, response: httpx.Response, path: str) -> PlatformError:
        status = response.status_code
        said = f"{status} {_problem(response)}".strip()
        where = f"{self._base_url}{path}"
        retry_after = _longest_retry_after(response)
        if status in (429, 503) or (retry_after is not None and (status in (403, 408) or status >= 500)):
            return RateLimitedError(f"the API asks to wait at {where}: {said}", retry_after=retry_after)
        if status in (401, 403):
            return AccessError(f"the API refuses the key at {where}: {said}", hint="Check SAAS_API_KEY.")
        if status == 408 or status >= 500:
            return TransientError(f"the API failed at {where}: {said}")
        return ConfigurationError(f"the API does not accept the request {where}: {said}", hint="Check SAAS_BASE_URL.")


def _longest_retry_after(response: httpx.Response) -> timedelta | None:
    """The wait that `Retry-After` asks for, the longest if proxies have added their own."""
    now = server_time(response)
    asked = [parse_retry_after(value, now=now) for value in response.headers.get_list("Retry-After")]
    return max((wait for wait in asked if wait is not None), default=None)


def parse_retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """The wait that `Retry-After` asks for: seconds, or until an HTTP date. None if it is absent or unreadable."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text)) if len(text) < 10 else timedelta.max
    moment = _http_date(text)
    return None if moment is None else max(moment - now, timedelta(0))


def server_time(response: httpx.Response) -> datetime:
    """The provider's clock, from the `Date` header; ours where it sends none."""
    return _http_date(response.headers.get("Date", "")) or datetime.now(UTC)


def _http_date(text: str) -> datetime | None:
    """An HTTP date in UTC, which it is in where it names no zone; None for anything else."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _checked_url(base_url: str) -> httpx.URL:
    if problem := problem_of_url(base_url):
        raise ConfigurationError(
            f"SAAS_BASE_URL: {problem}",
            hint="Correct SAAS_BASE_URL: it looks like https://api.example.com, and the key belongs in SAAS_API_KEY.",
        )
    try:
        return httpx.URL(base_url)
    except httpx.InvalidURL:
        raise ConfigurationError("SAAS_BASE_URL is not a URL", hint="It looks like https://api.example.com.") from None


def _checked_key(key: SecretStr) -> str:
    text = key.get_secret_value()
    if not text:
        raise AccessError("there is no API key", hint="Set SAAS_API_KEY.")
    if not re.fullmatch(r"[!-~]+", text):
        raise AccessError(
            "the API key holds a space, a line break or another character that no header takes",
            hint="Correct SAAS_API_KEY.",
        )
    return text


def _problem(response: httpx.Response) -> str:
    """The body's text about an error, by RFC 9457 if it follows that."""
    try:
        body: Any = response.json()
    except (ValueError, RecursionError):
        return in_one_line(response.reason_phrase)
    if isinstance(body, dict):
        said = str(body.get("detail") or body.get("title") or response.reason_phrase)
        # Before it is cut: half of a secret would not be known for one.
        return in_one_line(said)[:_LONGEST_PROBLEM]
    return in_one_line(response.reason_phrase)

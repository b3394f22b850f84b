"""GET requests to the provider's API. Bad responses are raised as the platform's errors."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from io import BytesIO
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, Self

import urllib3
from pydantic import SecretStr
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NewConnectionError,
    ProxyError,
    SSLError,
)

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
from ingest.sources.api.route import pool_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from urllib3 import BaseHTTPResponse, HTTPHeaderDict

_TIMEOUT = urllib3.Timeout(connect=5.0, read=30.0)
_LONGEST_ANSWER_SECONDS = 300.0
_LONGEST_PROBLEM = 300
_LONGEST_REFUSAL_BYTES = 64 * 2**10
_READ_BYTES = 64 * 2**10
DEFAULT_ANSWER_BYTES = 128 * 2**20
_OK = 200


@dataclass(frozen=True)
class Answer:
    """A response whose body has arrived and is decoded."""

    status: int
    reason: str
    headers: HTTPHeaderDict
    content: bytes


class Transport(Protocol):
    """The methods of urllib3's pool that the client uses."""

    def request(
        self,
        method: str,
        url: str,
        *,
        fields: Mapping[str, str],
        headers: Mapping[str, str],
        timeout: urllib3.Timeout,
        **options: Any,
    ) -> BaseHTTPResponse: ...

    def clear(self) -> None: ...


class ApiClient:
    """A client for one base URL and Bearer key. Safe for several threads; call `close` when done.

    A response whose decoded body is longer than `answer_bytes` is refused, and never held in memory.
    """

    def __init__(
        self,
        base_url: str,
        key: SecretStr,
        transport: Transport | None = None,
        *,
        answer_bytes: int = DEFAULT_ANSWER_BYTES,
    ) -> None:
        self._base_url = _checked_url(base_url)
        self._answer_bytes = answer_bytes
        self._headers = {
            "Authorization": f"Bearer {_checked_key(key)}",
            "Accept": "application/json",
            "Accept-Encoding": answer_body.ENCODING,
        }
        self._transport: Transport = transport or pool_for(base_url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.clear()

    def get(self, path: str, params: dict[str, str | int]) -> Answer:
        """Make one request without a retry, and return the response.

        Raises TransientError (RateLimitedError), AccessError, ConfigurationError, and DataError for too long a body.
        """
        try:
            answer = self._whole_answer(path, params)
        except LocationValueError as error:
            raise ConfigurationError(
                f"cannot call {self._base_url}{path}: {error}", hint="Correct SAAS_BASE_URL."
            ) from error
        except (NewConnectionError, ConnectTimeoutError, ProxyError, SSLError) as error:
            raise UnreachableError(
                f"the API at {self._base_url} does not answer: {error}", hint="Is it up, and is SAAS_BASE_URL right?"
            ) from error
        except HTTPError as error:
            raise TransientError(f"the API at {self._base_url} broke off: {type(error).__name__} {error}") from error
        except answer_body.BodyError as error:
            raise TransientError(f"the answer of {self._base_url}{path} cannot be read: {error}") from error
        if answer.status != _OK:
            raise self._refusal(answer, path)
        return answer

    def _whole_answer(self, path: str, params: dict[str, str | int]) -> Answer:
        """Return the response with its decoded body. Of an error response it reads only the beginning of the body.

        urllib3 limits each wait for more of the body, but neither the number of waits nor the decoded size.
        """
        deadline = monotonic() + _LONGEST_ANSWER_SECONDS
        body = BytesIO()
        answer = self._transport.request(
            "GET",
            f"{self._base_url.rstrip('/')}/{path.lstrip('/')}",
            fields={name: str(value) for name, value in params.items()},
            headers=self._headers,
            timeout=_TIMEOUT,
            preload_content=False,
            decode_content=False,
            redirect=False,
            retries=False,
        )
        try:
            for piece in answer_body.decoded(_pieces(answer), answer.headers.get("Content-Encoding", "")):
                body.write(piece)
                size = body.tell()
                if answer.status != _OK and size >= _LONGEST_REFUSAL_BYTES:
                    break
                if size > self._answer_bytes:
                    raise DataError(
                        f"the answer of {self._base_url}{path} has more than {self._answer_bytes:,} bytes once decoded",
                        hint="Raise SAAS_ANSWER_BYTES, or lower SAAS_PAGE_SIZE.",
                    )
                if monotonic() > deadline:
                    raise TransientError(
                        f"the API at {self._base_url} did not give a whole answer in {_LONGEST_ANSWER_SECONDS:g} s"
                    )
        finally:
            answer.close()  # a connection whose response was read to its end is back in the pool by now
        return Answer(answer.status, answer.reason or "", answer.headers, body.getvalue())

    def _refusal(self, answer: Answer, path: str) -> PlatformError:
        status = answer.status
        said = f"{status} {_problem(answer)}".strip()
        where = f"{self._base_url}{path}"
        retry_after = _longest_retry_after(answer)
        if status in (429, 503) or (retry_after is not None and (status in (403, 408) or status >= 500)):
            return RateLimitedError(f"the API asks to wait at {where}: {said}", retry_after=retry_after)
        if status in (401, 403):
            return AccessError(f"the API refuses the key at {where}: {said}", hint="Check SAAS_API_KEY.")
        if status == 408 or status >= 500:
            return TransientError(f"the API failed at {where}: {said}")
        return ConfigurationError(f"the API does not accept the request {where}: {said}", hint="Check SAAS_BASE_URL.")


def _longest_retry_after(answer: Answer) -> timedelta | None:
    """Return the wait that `Retry-After` asks for; the longest wait if proxies have added headers of their own."""
    now = server_time(answer)
    asked = [parse_retry_after(value, now=now) for value in answer.headers.getlist("Retry-After")]
    return max((wait for wait in asked if wait is not None), default=None)


def parse_retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """Return the wait that `Retry-After` asks for, in seconds or until an HTTP date.

    Return None if the header is absent or unreadable.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text)) if len(text) < 10 else timedelta.max
    moment = _http_date(text)
    return None if moment is None else max(moment - now, timedelta(0))


def server_time(answer: Answer) -> datetime:
    """Return the provider's clock from the `Date` header; our clock if there is no such header."""
    return _http_date(answer.headers.get("Date", "")) or datetime.now(UTC)


def _http_date(text: str) -> datetime | None:
    """Return an HTTP date in UTC, its zone if it names none; None for any other text."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _checked_url(base_url: str) -> str:
    if problem := problem_of_url(base_url):
        raise ConfigurationError(
            f"SAAS_BASE_URL: {problem}",
            hint="Correct SAAS_BASE_URL: it looks like https://api.example.com, and the key belongs in SAAS_API_KEY.",
        )
    return base_url


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


def _pieces(answer: BaseHTTPResponse) -> Iterator[bytes]:
    """Yield the body as it arrives, still encoded."""
    while piece := answer.read1(_READ_BYTES, decode_content=False):
        yield piece


def _problem(answer: Answer) -> str:
    """Return the text about the error in the body, by RFC 9457 if the body follows it."""
    try:
        body: Any = json.loads(answer.content)
    except (ValueError, RecursionError):
        return in_one_line(answer.reason)
    if isinstance(body, dict):
        said = str(body.get("detail") or body.get("title") or answer.reason)
        # Secrets are removed before the text is cut, because half of a secret would not be recognised.
        return in_one_line(said)[:_LONGEST_PROBLEM]
    return in_one_line(answer.reason)

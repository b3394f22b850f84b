"""Access: API keys and the rate limit."""

import math
import re
import time
from collections.abc import Callable
from hmac import compare_digest
from http import HTTPStatus
from threading import Lock
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from mock_saas.api.problems import ProblemError

REALM = "mail-provider"

_BEARER = re.compile(r"bearer +(?P<key>[A-Za-z0-9\-._~+/]+=*) *", re.ASCII | re.IGNORECASE)


class BearerKeyCheck:
    """A dependency that admits requests with ``Authorization: Bearer <key>``.

    Raises:
        ProblemError: 401 if the request has no Bearer key, 403 if it has another key.
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    async def __call__(self, request: Request) -> str:
        """Return the key that the request presented."""
        header = request.headers.get("authorization")
        if header is None:
            raise _unauthorized("No Authorization header: send `Authorization: Bearer <API key>`.", None)
        match = _BEARER.fullmatch(header)
        if match is None:
            raise _unauthorized("The Authorization header is not of the form `Bearer <API key>`.", "invalid_request")
        if not compare_digest(match["key"].encode(), self._key):
            raise ProblemError(HTTPStatus.FORBIDDEN, "This key is not known here.", slug="unknown-key")
        return match["key"]


def _unauthorized(detail: str, error: str | None) -> ProblemError:
    # RFC 6750, section 3.1: no error code if the request holds no authentication information at all.
    challenge = f'Bearer realm="{REALM}"' + (f', error="{error}"' if error else "")
    return ProblemError(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": challenge})


class TokenBuckets:
    """One token bucket for each key: ``burst`` requests at once, and ``rate`` a second in the long run (0: no
    limit).
    """

    def __init__(self, rate: float, burst: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._monotonic = monotonic
        self._levels: dict[str, tuple[float, float]] = {}
        self._lock = Lock()

    def take(self, key: str) -> float:
        """Take a token of the key. Return 0 if there was one, else the seconds until the next one."""
        if not self._rate:
            return 0.0
        with self._lock:
            now = self._monotonic()
            level, since = self._levels.get(key, (float(self._burst), now))
            level = min(self._burst, level + (now - since) * self._rate)
            wait = 0.0 if level >= 1 else (1 - level) / self._rate
            self._levels[key] = (level if wait else level - 1, now)
            return wait


class RateLimitedCaller:
    """A dependency that admits a known key within its rate.

    Raises:
        ProblemError: 401 or 403 as :class:`BearerKeyCheck`, 429 with Retry-After if the key's bucket is empty.
    """

    def __init__(self, check: BearerKeyCheck, buckets: TokenBuckets) -> None:
        self._check = check
        self._buckets = buckets

    async def __call__(self, request: Request) -> None:
        """Admit the request, or raise."""
        wait = self._buckets.take(await self._check(request))
        if wait:
            seconds = math.ceil(wait)
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"This key has used up its rate; try again in {seconds} s.",
                slug="rate-limit-exceeded",
                headers={"Retry-After": str(seconds)},
            )


document_bearer = HTTPBearer(auto_error=False, description="the API key")
"""Puts the scheme into the OpenAPI document; the checks above do the work, with problems instead of plain errors."""

BearerDocumentation = Annotated[HTTPAuthorizationCredentials | None, Security(document_bearer)]

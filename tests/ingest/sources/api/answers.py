"""A transport for the API's client that calls a function instead of a server."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import urllib3
from urllib3 import HTTPHeaderDict


class Answers:
    """A transport that answers each request by `answer`, with the body in the same pieces."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self._answer = answer

    def request(
        self, method: str, url: str, *, fields: Mapping[str, str], headers: Mapping[str, str], **_: Any
    ) -> urllib3.HTTPResponse:
        answer = self._answer(httpx.Request(method, url, params=dict(fields), headers=dict(headers)))
        assert isinstance(answer.stream, httpx.SyncByteStream)
        has_body = answer.status_code != httpx.codes.NO_CONTENT
        return urllib3.HTTPResponse(
            _Body(iter(answer.stream if has_body else ())),
            headers=HTTPHeaderDict(answer.headers.multi_items()),
            status=answer.status_code,
            reason=answer.reason_phrase,
            preload_content=False,
            decode_content=False,
        )

    def clear(self) -> None:
        """Do nothing, because nothing is kept open."""


class _Body(io.RawIOBase):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read1(self, _: int = -1) -> bytes:
        return next((piece for piece in self._pieces if piece), b"")

"""Reads the e-mail provider's API: pages in the order of (cursor, key), each record kept byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any, TypeVar

import msgspec

from ingest import moments
from ingest.contracts.model import StreamContract
from ingest.errors import AccessError, ConfigurationError, DataError, FatalError, TransientError
from ingest.lake.commit import Resume, Window
from ingest.logs import get_logger
from ingest.retry import WaitBudget, retrying
from ingest.retry_policies import API_REQUEST
from ingest.sources.api import json_scanner
from ingest.sources.api.http import ApiClient, server_time
from ingest.sources.api.json_scanner import UnreadableError
from ingest.sources.api.records import Record

T = TypeVar("T")

_REPEATS_ALLOWED = 5
_LONGEST_COMPLAINT = 300


class _Body(msgspec.Struct):
    data: list[msgspec.Raw]
    next_cursor: str | None
    has_more: bool
    error: Any = None
    errors: Any = None


class _Stats(msgspec.Struct):
    records: int
    distinct: int


class _RepeatedCursorError(TransientError):
    """The API gave a cursor for the second time. A cache may cause that once, so the page is requested again."""


class _TooDeepError(DataError):
    """The page has more levels of arrays and objects than the parser accepts."""


@dataclass(frozen=True)
class LandedPage:
    """A page of records, kept to recognise it: its records, and the cursor that it was requested with.

    Of a page that an earlier run has landed, only the digest is known.
    """

    cursor: str | None
    records: Sequence[Record] | None = None
    known_digest: str = ""

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the page's records; the known digest if the records are not at hand."""
        return self.known_digest if self.records is None else hashlib.sha256(b"\n".join(self.records)).hexdigest()

    def holds(self, records: Sequence[Record]) -> bool:
        """Return whether `records` are the page's records."""
        if self.records is not None:
            return self.records == records
        return LandedPage(self.cursor, records).digest == self.digest


@dataclass(frozen=True)
class Page:
    """The records of a page, byte for byte, and the cursor of the next page; None after the last page.

    `newest` is the newest page that had any records, most often this one.
    """

    records: Sequence[Record]
    next_cursor: str | None
    newest: LandedPage | None = None


class ExpiredCursorError(ConfigurationError):
    """The provider no longer knows a cursor that an earlier run committed."""


class SaasStream:
    """One collection of the API, such as `/v1/events`. Retries within `budget`."""

    def __init__(self, client: ApiClient, contract: StreamContract, *, page_size: int, budget: WaitBudget) -> None:
        self._client = client
        self._stream = contract.stream
        self._path = contract.source_object
        self._key = contract.key
        self._cursor_name = contract.cursor_column.name
        self._page_size = page_size
        self._budget = budget
        self._log = get_logger(stream=contract.stream)

    def settled_until(self, settling: timedelta) -> datetime:
        """Return the moment up to which records are final, by the provider's clock, so that ours need not be right."""
        response = self._retry(lambda: self._client.get(self._path, {"limit": 1}))
        return server_time(response) - settling

    def pages(self, window: Window, *, resume: Resume | None = None) -> Iterator[Page]:
        """Yield every page of `window`, from the position `resume`. An empty page is the end only if it has no cursor.

        Raises FatalError if the paging runs in a circle, ExpiredCursorError if the first cursor is refused.
        """
        resumed = cursor = resume.page_cursor if resume else None
        seen = set() if cursor is None else {cursor}
        known = resume.page_digest if resume else None
        newest = LandedPage(resume.digest_cursor, known_digest=known) if resume and known else None
        repeats = 0
        while True:
            try:
                page = self._retry(partial(self._page, window, cursor, seen))
            except _RepeatedCursorError as error:
                raise FatalError(error.message, stream=self._stream, hint="Ask the provider.") from error
            except AccessError:
                raise
            except ConfigurationError as error:
                if cursor is not None and cursor == resumed:
                    raise ExpiredCursorError(error.message, stream=self._stream) from error
                raise
            if page.records and newest and self._is_given_again(window, page, newest):
                repeats += 1
                self._log.warning("the API gave the same page again; it is not landed twice", repeats=repeats)
                if repeats > _REPEATS_ALLOWED:
                    raise FatalError("the API gives the same page again and again", stream=self._stream)
                page = Page([], page.next_cursor)
            elif page.records:
                newest, repeats = LandedPage(cursor, page.records), 0
            yield replace(page, newest=newest)
            if page.next_cursor is None:
                return
            cursor = page.next_cursor
            seen.add(cursor)

    def _is_given_again(self, window: Window, page: Page, before: LandedPage) -> bool:
        """Return whether `page` is the page `before` once more, under another cursor, and not a page of equal records.

        If the records have different positions, it is: the API pages in their order, and would have gone back to the
        first of them. If all records are equal, that is not certain. Then the page before is requested again, and the
        two are the same if both lead to the same cursor.
        """
        if not before.holds(page.records):
            return False
        if len({self._position(record) for record in page.records} - {None}) > 1:
            return True
        try:
            asked = self._retry(partial(self._page, window, before.cursor, set()))
        except AccessError:
            raise
        except ConfigurationError:
            return False  # the provider no longer knows the older cursor
        return asked.next_cursor == page.next_cursor and asked.records == page.records

    def _position(self, record: Record) -> tuple[datetime, *tuple[str, ...]] | None:
        """Return cursor and key of a record; None if they cannot be read."""
        try:
            content = msgspec.json.decode(record)
            return moments.utc(content[self._cursor_name]), *(str(content[name]) for name in self._key)
        except (ValueError, TypeError, KeyError, RecursionError):
            return None

    def count(self, *, until: datetime) -> int:
        """Return the number of distinct records below `until`, as the provider counts them."""
        return self._retry(partial(self._stats, until)).distinct

    def _page(self, window: Window, cursor: str | None, seen: set[str]) -> Page:
        params: dict[str, str | int] = {"limit": self._page_size}
        if window.start is not None:
            params["from"] = _rfc3339(window.start)
        if window.end is not None:
            params["until"] = _rfc3339(window.end)
        if cursor is not None:
            params["cursor"] = cursor
        body = self._body(self._client.get(self._path, params).content)
        if said := body.error or body.errors:
            # A shard may not have answered, for example. Its records would be missed for ever.
            text = msgspec.json.encode(said).decode()[:_LONGEST_COMPLAINT]
            raise TransientError(f"the page of {self._path} is not whole: {text}", stream=self._stream)
        following = body.next_cursor if body.has_more else None
        if body.has_more and following is None:
            raise DataError("the API says that there are more pages and gives no cursor", stream=self._stream)
        if following is not None and following in seen:
            raise _RepeatedCursorError("the API gave the same page cursor twice: its paging runs in a circle")
        return Page(body.data, following)

    def _stats(self, until: datetime) -> _Stats:
        path = f"{self._path}/stats"
        return self._decode(self._client.get(path, {"until": _rfc3339(until)}).content, _Stats, path)

    def _body(self, content: bytes) -> _Body:
        """Return the decoded page.

        If a record makes the page unreadable, split it, provided that the bounds are certain.
        """
        what = f"a page of {self._path}"
        try:
            return self._decode(content, _Body, what)
        except (TransientError, _TooDeepError) as error:
            try:
                envelope, records = _taken_apart(content)
            except UnreadableError as unreadable:
                raise TransientError(f"{error.message}; {unreadable}", stream=self._stream) from error
            self._log.warning(
                "one of the page's records is not JSON; the others are cut out and landed", error=error.message
            )
        body = self._decode(envelope, _Body, what)
        body.data = [msgspec.Raw(record) for record in records]
        return body

    def _decode(self, content: bytes, shape: type[T], what: str) -> T:
        try:
            return msgspec.json.decode(content, type=shape)
        except msgspec.ValidationError as error:
            fields = ", ".join(field.name for field in msgspec.structs.fields(shape) if field.required)  # type: ignore[arg-type]
            raise DataError(f"{what} is not {{{fields}}}: {error}", stream=self._stream) from error
        except RecursionError as error:
            raise _TooDeepError(f"{what} is nested too deeply to be read", stream=self._stream) from error
        except ValueError as error:
            raise TransientError(f"{what} is not JSON: {error}", stream=self._stream) from error

    def _retry(self, call: Callable[[], T]) -> T:
        def note(error: TransientError, wait: float) -> None:
            self._log.warning("retrying", error=error.message, wait_seconds=round(wait, 1))

        return retrying(API_REQUEST, self._budget, before_retry=note)(call)


def _taken_apart(content: bytes) -> tuple[bytes, list[bytes]]:
    """Split a page into the page without its records, and its records.

    Raises UnreadableError if their bounds are unclear.
    """
    members = json_scanner.members(content)
    records: list[bytes] = []
    kept: dict[str, bytes] = {}
    for quoted, value in members:
        name = _name(quoted)
        if name in kept:
            raise UnreadableError(f"it has '{name}' twice")
        kept[name] = quoted + b":" + value
        if name == "data":
            records = json_scanner.parts(value, b"[")
            kept[name] = quoted + b":[]"
    if not all(_is_json(record) or json_scanner.is_plain(record) for record in records):
        raise UnreadableError("a quotation mark is missing or too many")
    return b"{" + b",".join(kept.values()) + b"}", records


def _name(quoted: bytes) -> str:
    try:
        return msgspec.json.decode(quoted, type=str)
    except ValueError as error:
        raise UnreadableError(f"a member's name is unreadable: {error}") from error


def _is_json(record: bytes) -> bool:
    try:
        msgspec.json.decode(record, type=msgspec.Raw)
    except (ValueError, RecursionError):
        return False
    return True


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

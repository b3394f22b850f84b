"""Answers page requests: turns a query into a page of JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from mock_saas.api.cursors import Cursor, CursorSealer, InvalidCursorError, Listing
from mock_saas.api.problems import ProblemError
from mock_saas.clock import ProviderClock
from mock_saas.faults.injection import EmptyPageFault, LoopCursorFault, PageFault, RepeatPageFault
from mock_saas.timestamps import format_us
from mock_saas.windows import Count, Page, Position, Window


class RecordList(Protocol):
    """A listing that can be paged and counted."""

    def page(self, window: Window, after: Position | None, limit: int, now_us: int) -> Page:
        """Return up to ``limit`` records of the window, after the position ``after``."""

    def counting(self, window: Window, now_us: int) -> Iterator[Count]:
        """Yield the growing number of records of a walk over the window, up to the final number, in steps of bounded
        work.
        """


@dataclass(frozen=True)
class PageRequest:
    """The query of a page request, not yet checked."""

    from_us: int | None
    until_us: int | None
    limit: int
    cursor: str | None


@dataclass(frozen=True)
class Pager:
    """Answers page requests of one listing."""

    listing: Listing
    records: RecordList
    sealer: CursorSealer
    clock: ProviderClock

    def answer(self, request: PageRequest, fault: PageFault | None) -> bytes:
        """Return the page as JSON.

        Raises:
            ProblemError: 400 for an invalid cursor, for one that contradicts the window, and for a reversed window.
        """
        cursor = self._cursor(request)
        page = self.records.page(cursor.window, cursor.after, request.limit, self.clock.now_us())
        onward = Cursor(self.listing, cursor.window, page.last)
        again = Cursor(self.listing, cursor.window, cursor.after, nonce=cursor.nonce + 1)
        match fault:
            case EmptyPageFault():
                return _page_json([], self.sealer.seal(again))
            case RepeatPageFault():
                return _page_json(page.records, self.sealer.seal(again))
            case LoopCursorFault():
                return _page_json(page.records, self.sealer.seal(cursor))
            case None:
                return _page_json(page.records, self.sealer.seal(onward) if page.has_more else None)

    def _cursor(self, request: PageRequest) -> Cursor:
        if request.cursor is None:
            return Cursor(self.listing, window_of(request.from_us, request.until_us), after=None)
        try:
            cursor = self.sealer.unseal(request.cursor)
        except InvalidCursorError as error:
            raise _bad_cursor(f"The cursor is {error}; start again without one.") from error
        if cursor.listing is not self.listing:
            raise _bad_cursor(f"The cursor is one of {cursor.listing.value}; start again without one.")
        for name, given, held in (
            ("from", request.from_us, cursor.window.from_us),
            ("until", request.until_us, cursor.window.until_us),
        ):
            if given not in (None, held):
                meant = "none" if held is None else format_us(held)
                raise ProblemError(
                    HTTPStatus.BAD_REQUEST,
                    f"`{name}` differs from the cursor's ({meant}): leave it out, or start again without a cursor.",
                    slug="window-mismatch",
                )
        return cursor


def _bad_cursor(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, detail, slug="invalid-cursor")


def window_of(from_us: int | None, until_us: int | None) -> Window:
    """Return the window of a query.

    Raises:
        ProblemError: 400 if it ends before it begins.
    """
    if from_us is not None and until_us is not None and from_us > until_us:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "`from` is later than `until`.", slug="reversed-window")
    return Window(from_us, until_us)


def _page_json(records: list[str], next_cursor: str | None) -> bytes:
    # Sealed cursors are URL-safe text, which needs no escaping in JSON.
    cursor = "null" if next_cursor is None else f'"{next_cursor}"'
    has_more = "false" if next_cursor is None else "true"
    return f'{{"data":[{",".join(records)}],"next_cursor":{cursor},"has_more":{has_more}}}'.encode()

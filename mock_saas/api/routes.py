"""The routes that clients use."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BeforeValidator, WithJsonSchema
from starlette.concurrency import iterate_in_threadpool
from starlette.responses import Response

from mock_saas.api.access import RateLimitedCaller, document_bearer
from mock_saas.api.cursors import CursorSealer, Listing
from mock_saas.api.openapi import problem_responses
from mock_saas.api.pager import Pager, PageRequest, RecordList, window_of
from mock_saas.clock import ProviderClock
from mock_saas.faults.middleware import page_fault_of
from mock_saas.history.records import CampaignPage, EventPage, Stats
from mock_saas.timestamps import parse_rfc3339
from mock_saas.windows import Count

MAX_LIMIT = 1_000
DEFAULT_LIMIT = 100

_EXAMPLE = ["2025-01-31T08:00:00.000000Z"]


def _parse_moment(value: object) -> int:
    return parse_rfc3339(str(value))


Moment = Annotated[
    int, BeforeValidator(_parse_moment), WithJsonSchema({"type": "string", "format": "date-time"}, mode="validation")
]
From = Annotated[
    Moment | None, Query(alias="from", description="inclusive; default: the beginning of history", examples=_EXAMPLE)
]
Until = Annotated[
    Moment | None, Query(alias="until", description="exclusive; default: now, at each page anew", examples=_EXAMPLE)
]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="records a page, at most")]
CursorText = Annotated[
    str | None,
    Query(
        description="`next_cursor` of the page before. It holds the window: leave `from` and `until` out, or repeat "
        "them as they were."
    ),
]


def page_request(
    from_us: From = None, until_us: Until = None, limit: Limit = DEFAULT_LIMIT, cursor: CursorText = None
) -> PageRequest:
    """Return the query of both listings."""
    return PageRequest(from_us, until_us, limit, cursor)


def make_api(
    campaigns: RecordList, events: RecordList, sealer: CursorSealer, clock: ProviderClock, caller: RateLimitedCaller
) -> APIRouter:
    """Return the routes under /v1.

    Pages and the steps of a count are computed in threads, so that they do not delay other requests.
    """
    router = APIRouter(
        prefix="/v1",
        dependencies=[Depends(document_bearer), Depends(caller)],
        responses=problem_responses(
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.UNAUTHORIZED,
            HTTPStatus.FORBIDDEN,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.TOO_MANY_REQUESTS,
            HTTPStatus.INTERNAL_SERVER_ERROR,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    )
    campaign_pager = Pager(Listing.CAMPAIGNS, campaigns, sealer, clock)
    event_pager = Pager(Listing.EVENTS, events, sealer, clock)

    @router.get("/campaigns", response_model=CampaignPage, summary="Campaigns, by last change", tags=["campaigns"])
    def get_campaigns(request: Request, query: Annotated[PageRequest, Depends(page_request)]) -> Response:
        """Return the campaigns that exist now and were last changed within the window, by (updated_at, campaign_id).

        A campaign that is edited moves to the end of the order. Without `until`, a walk meets every campaign that
        exists from its first page to its last, and an edited one perhaps twice. With `until`, a campaign that is edited
        during the walk may leave the window: it is in the next one. Campaigns that were never sent can be deleted: they
        are gone, without a trace. Changes are visible at once.
        """
        return _json(campaign_pager.answer(query, page_fault_of(request.scope)))

    @router.get("/campaigns/stats", response_model=Stats, summary="How many campaigns", tags=["campaigns"])
    async def get_campaign_stats(request: Request, until_us: Until = None) -> Stats:
        """Return the number of campaigns that exist now and were last changed before `until`."""
        return await _counted(request, campaigns.counting(window_of(None, until_us), clock.now_us()))

    @router.get("/events", response_model=EventPage, summary="Events, as received", tags=["events"])
    def get_events(request: Request, query: Annotated[PageRequest, Depends(page_request)]) -> Response:
        """Return the events received within the window, by (received_at, event_id).

        `occurred_at` may be hours or days before `received_at`. About one event in a hundred is delivered twice: the
        same record, with the same `event_id`, but a later `received_at`. A few records are malformed.

        A record may appear up to the settling time after its `received_at`, in its place in the order. So poll windows
        that end no later than the `Date` header less the settling time: what they hold is complete and never changes.
        """
        return _json(event_pager.answer(query, page_fault_of(request.scope)))

    @router.get("/events/stats", response_model=Stats, summary="How many events", tags=["events"])
    async def get_event_stats(request: Request, from_us: From = None, until_us: Until = None) -> Stats:
        """Return the number of records that a walk over the window would return now. Longer windows take longer."""
        return await _counted(request, events.counting(window_of(from_us, until_us), clock.now_us()))

    return router


async def _counted(request: Request, counting: Iterator[Count]) -> Stats:
    """Return the last of the growing counts. A count may take minutes, so it ends early if the client has gone."""
    total = Count(0, 0)
    async for total_so_far in iterate_in_threadpool(counting):
        total = total_so_far
        if await request.is_disconnected():
            break
    return Stats(records=total.records, distinct=total.distinct)


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")

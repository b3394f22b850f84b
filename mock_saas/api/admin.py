"""The admin routes: faults, the clock, visits to the shop. They exist only if an admin key is set."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from mock_saas.api.access import BearerKeyCheck, document_bearer
from mock_saas.api.openapi import problem_responses
from mock_saas.api.problems import ProblemError
from mock_saas.api.routes import Moment
from mock_saas.clock import ProviderClock
from mock_saas.faults.injection import FaultRegistry, FaultSpec, InstalledFault
from mock_saas.history.records import Timestamp
from mock_saas.history.visits import Visit, VisitList
from mock_saas.timestamps import DAY_US, format_us

MAX_VISITS_US = 7 * DAY_US
MAX_ADVANCE_SECONDS = 10 * 366 * 86_400

VisitsFrom = Annotated[Moment, Query(alias="from", description="inclusive")]
VisitsUntil = Annotated[Moment, Query(alias="until", description="exclusive; at most a week later")]


class ClockAdvance(BaseModel):
    """The seconds by which to advance the clock."""

    model_config = ConfigDict(extra="forbid")

    advance_seconds: Annotated[float, Field(ge=0, le=MAX_ADVANCE_SECONDS)]


class ClockReading(BaseModel):
    """The provider's clock."""

    now: Timestamp
    offset_seconds: Annotated[float, Field(description="ahead of real time by so much")]


def make_admin_api(
    registry: FaultRegistry, clock: ProviderClock, visits: VisitList, check: BearerKeyCheck
) -> APIRouter:
    """Return the routes under /admin."""
    router = APIRouter(
        prefix="/admin",
        tags=["admin"],
        dependencies=[Depends(document_bearer), Depends(check)],
        responses=problem_responses(
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.UNAUTHORIZED,
            HTTPStatus.FORBIDDEN,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.UNPROCESSABLE_ENTITY,
        ),
    )

    @router.get("/faults", summary="The faults that are on, and what they did")
    async def get_faults() -> list[InstalledFault]:
        return list(registry.installed())

    @router.post("/faults", status_code=HTTPStatus.CREATED, summary="Switch a fault on")
    async def post_fault(fault: FaultSpec) -> InstalledFault:
        """Switch a fault on. If several faults meet a request, latencies add up, and the first other fault applies."""
        return registry.install(fault)

    @router.delete("/faults", status_code=HTTPStatus.NO_CONTENT, summary="Switch all faults off")
    async def delete_faults() -> None:
        registry.clear()

    @router.delete("/faults/{fault_id}", status_code=HTTPStatus.NO_CONTENT, summary="Switch a fault off")
    async def delete_fault(fault_id: int) -> None:
        if not registry.remove(fault_id):
            raise ProblemError(HTTPStatus.NOT_FOUND, f"There is no fault {fault_id}.")

    @router.get("/clock", summary="Read the clock")
    async def get_clock() -> ClockReading:
        return _reading(clock)

    @router.post("/clock", summary="Move the clock forward")
    async def post_clock(advance: ClockAdvance) -> ClockReading:
        clock.advance(advance.advance_seconds)
        return _reading(clock)

    @router.get("/visits", summary="The visits to the shop by links in messages")
    def get_visits(from_us: VisitsFrom, until_us: VisitsUntil) -> list[Visit]:
        """Return the visits of a window, for a simulated shop whose customers follow the links.

        The window may lie ahead of the provider's clock.
        """
        if until_us - from_us > MAX_VISITS_US:
            raise ProblemError(HTTPStatus.BAD_REQUEST, "The window is longer than a week: ask for less.")
        return list(visits.between(from_us, until_us))

    return router


def _reading(clock: ProviderClock) -> ClockReading:
    return ClockReading(now=format_us(clock.now_us()), offset_seconds=clock.offset_seconds)

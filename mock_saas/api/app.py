"""Assembles the application."""

from fastapi import FastAPI

from mock_saas.api.access import BearerKeyCheck, RateLimitedCaller, TokenBuckets
from mock_saas.api.admin import make_admin_api
from mock_saas.api.context import RequestContextMiddleware
from mock_saas.api.cursors import CursorSealer
from mock_saas.api.one_length import OneLengthMiddleware
from mock_saas.api.openapi import TITLE, VERSION, describe, install_openapi
from mock_saas.api.problems import install_problem_handlers
from mock_saas.api.routes import make_api
from mock_saas.clock import ProviderClock
from mock_saas.faults.injection import FaultRegistry
from mock_saas.faults.middleware import FaultMiddleware
from mock_saas.history.audience import Audience
from mock_saas.history.campaign_list import CampaignList
from mock_saas.history.campaigns import CampaignFactory
from mock_saas.history.cells import CellFactory
from mock_saas.history.event_list import EventList
from mock_saas.history.randomness import Randomness
from mock_saas.history.rendering import Renderer
from mock_saas.history.visits import VisitList
from mock_saas.settings import Settings
from mock_saas.timestamps import DAY_US, to_us

DEFAULT_HISTORY_DAYS = 10


def create_app(settings: Settings, clock: ProviderClock | None = None) -> FastAPI:
    """Return the provider's API as an ASGI application.

    Args:
        clock: the provider's clock; by default the clock of the settings.
    """
    clock = clock or ProviderClock.of(settings.business_now, settings.clock_offset_seconds)
    randomness = Randomness(settings.seed)
    campaigns, events, visits = make_lists(settings, randomness, epoch_us(settings, clock))
    registry = FaultRegistry(randomness)
    caller = RateLimitedCaller(
        BearerKeyCheck(settings.effective_api_key),
        TokenBuckets(settings.rate_limit_per_second, settings.rate_limit_burst),
    )

    app = FastAPI(title=TITLE, version=VERSION, description=describe(settings), redirect_slashes=False)
    app.include_router(make_api(campaigns, events, CursorSealer(randomness.subkey(b"cursor")), clock, caller))
    if settings.admin_key is not None:
        admin_check = BearerKeyCheck(settings.admin_key.get_secret_value())
        app.include_router(make_admin_api(registry, clock, visits, admin_check))

    @app.get("/healthz", tags=["health"], summary="Whether the service answers; needs no key")
    async def get_health() -> dict[str, str]:
        return {"status": "ok"}

    install_problem_handlers(app)
    install_openapi(app)
    # The middleware added last is the outermost.
    app.add_middleware(FaultMiddleware, registry=registry, clock=clock)
    app.add_middleware(OneLengthMiddleware)
    app.add_middleware(RequestContextMiddleware, clock=clock)
    return app


def make_lists(settings: Settings, randomness: Randomness, epoch: int) -> tuple[CampaignList, EventList, VisitList]:
    """Return the listings, and the visits, of a history that begins at ``epoch`` (microseconds since the Unix
    epoch).
    """
    campaigns = CampaignList(CampaignFactory(settings, randomness), epoch)
    audience = Audience.of(settings, randomness)
    cells = CellFactory(
        randomness,
        campaigns,
        events_per_day=settings.events_per_day,
        broken_rate=settings.broken_rate,
        epoch_us=epoch,
        audience=audience,
    )
    renderer = Renderer(settings, audience, randomness, cells)
    events = EventList(
        cells,
        renderer,
        randomness,
        epoch_us=epoch,
        events_per_day=settings.events_per_day,
        settling_seconds=settings.settling_seconds,
        flawed=settings.broken_rate > 0,
    )
    return campaigns, events, VisitList(cells, renderer, epoch)


def epoch_us(settings: Settings, clock: ProviderClock) -> int:
    """Return the beginning of history: as set, else the start of the provider's day ten days ago."""
    if settings.epoch is not None:
        return to_us(settings.epoch)
    return (clock.now_us() // DAY_US - DEFAULT_HISTORY_DAYS) * DAY_US

"""The provider's API misbehaves: every record is landed or quarantined exactly as often as it was given."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from unittest.mock import patch

import httpx
import pytest
from pydantic import SecretStr

from ingest.contracts.model import StreamContract
from ingest.errors import AccessError, TransientError
from ingest.run.runner import open_ingestion
from ingest.sources.api.http import ApiClient, server_time
from local.processes import process_group
from local.run_directory import RunDirectory
from local.servers.saas_server import SaasServer, start_saas
from tests.chaos.campaign import Order
from tests.chaos.line import Ground, Line
from tests.conftest import small_provider
from tests.faults import api_campaign
from tests.faults.api_campaign import Admin, lenient
from tests.faults.patience import without_waiting
from tests.ingest.sources.api.answers import Answers

HOURS_BACK = timedelta(hours=72)
EVENTS = lenient("email_events")


@pytest.fixture(scope="module")
def provider(run_directory: RunDirectory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SaasServer]:
    """This module's provider: its clock only moves forward, and every test has a lake of its own."""
    options = replace(small_provider(later=-HOURS_BACK), events_per_day=300)
    with process_group(run_directory.lock) as group:
        yield start_saas(group, options, run_directory.path, tmp_path_factory.mktemp("provider")).ready()


@pytest.fixture
def admin(provider: SaasServer) -> Iterator[Admin]:
    with Admin(provider) as admin:
        yield admin
        admin.switch_off()


@pytest.fixture
def saas(ground: Ground, provider: SaasServer) -> Iterator[Line]:
    """A line whose API is that provider, with a commit after every page."""
    with ground.line(f"saas_{uuid.uuid4().hex[:8]}") as line:
        settings = line.settings.model_copy(
            update={
                "saas_base_url": provider.base_url,
                "saas_api_key": SecretStr(provider.api_key),
                "saas_page_size": 100,
                "saas_commit_bytes": 1,
                "wait_budget_seconds": 0.0,
            }
        )
        yield replace(line, settings=settings)


def require_each_record_once(saas: Line, contract: StreamContract = EVENTS) -> None:
    saas.judge([contract], staging=False).require_innocent()


@pytest.mark.slow
def test_bad_days_lose_and_double_nothing(ground: Ground, provider: SaasServer) -> None:
    own = replace(ground, saas=provider, clock_may_move=True)
    api_campaign.run(own, Order(seed=1, scale=0.1)).require_passed()


@contextmanager
def broken_off(saas: Line, admin: Admin) -> Iterator[None]:
    """A window that was left unfinished."""
    admin.switch_on([{"kind": "drop", "path": "/v1/events", "skip": 3}])
    with pytest.raises(TransientError):
        saas.ingest([EVENTS])
    admin.switch_off()
    yield
    saas.ingest([EVENTS])
    require_each_record_once(saas)


def test_a_key_that_is_refused_when_a_window_is_resumed_does_not_land_the_window_again(
    saas: Line, admin: Admin
) -> None:
    """The page cursor is still valid, because only the key was refused."""
    with broken_off(saas, admin):
        admin.switch_on([{"kind": "error", "status": 403, "path": "/v1/events", "skip": 1, "count": 1}])
        with pytest.raises(AccessError, match="Check SAAS_API_KEY"):
            saas.ingest([EVENTS])
        admin.switch_off()


def test_a_page_that_is_repeated_across_a_break_is_known_again(saas: Line, admin: Admin) -> None:
    """The page was landed, its cursor leads to it once more, and the run ended in between."""
    admin.switch_on(
        [
            {"kind": "repeat_page", "path": "/v1/events", "skip": 2, "count": 1},
            {"kind": "drop", "path": "/v1/events", "skip": 3},
        ]
    )
    with pytest.raises(TransientError):
        saas.ingest([EVENTS])
    admin.switch_off()
    saas.ingest([EVENTS])
    require_each_record_once(saas)


def test_a_page_that_is_repeated_after_an_empty_one_is_known_again(saas: Line, admin: Admin) -> None:
    admin.switch_on(
        [
            {"kind": "repeat_page", "path": "/v1/events", "skip": 2, "count": 1},
            {"kind": "empty_page", "path": "/v1/events", "skip": 2, "count": 1},
        ]
    )
    saas.ingest([EVENTS])
    assert sum(admin.switch_off().values()) == 2
    require_each_record_once(saas)


def test_a_count_that_arrives_broken_is_asked_for_again(saas: Line, admin: Admin) -> None:
    admin.switch_on([{"kind": "invalid_json", "path": "/v1/events/stats", "count": 1}])
    patient = saas.settings.model_copy(update={"wait_budget_seconds": 5.0})
    with without_waiting(), open_ingestion(patient, [EVENTS], "test", store=saas.store) as run:
        counted = run.ingest("email_events").source_count
    assert admin.switch_off() == {"invalid_json": 1}
    assert counted is not None
    assert counted.rows > 0


@contextmanager
def date_header(*, off_by: timedelta) -> Iterator[None]:
    """Set the Date header of responses wrong by this much."""

    def shifted(response: httpx.Response) -> datetime:
        return server_time(response) + off_by

    with patch("ingest.sources.api.saas.server_time", shifted):
        yield


def test_a_provider_whose_machines_clocks_differ_by_minutes_loses_nothing_and_no_watermark_moves_back(
    saas: Line, provider: SaasServer
) -> None:
    """One clock is ahead by less than the settling time, another is far behind."""
    watermarks = []
    for minutes in (0, -10, 0.9, -3, 0):
        provider.advance_clock(timedelta(minutes=4))
        with date_header(off_by=timedelta(minutes=minutes)):
            (result,) = saas.ingest([EVENTS])
        assert result.watermark_after is not None
        watermarks.append(result.watermark_after)
    assert watermarks == sorted(watermarks)
    assert watermarks[1] == watermarks[0]
    require_each_record_once(saas)


def test_an_answer_that_drips_for_ever_is_given_up(provider: SaasServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes within the read timeout, so only the limit of the whole response ends it."""
    monkeypatch.setattr("ingest.sources.api.http._LONGEST_ANSWER_SECONDS", 0.05)

    class Dripping(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b" "

    transport = Answers(lambda _: httpx.Response(200, stream=Dripping()))
    with ApiClient(provider.base_url, SecretStr("key"), transport) as api, pytest.raises(TransientError, match="whole"):
        api.get("/v1/events", {})

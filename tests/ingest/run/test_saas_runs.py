"""Runs over the e-mail provider's API, a real server with its faults switched on: nothing lost, nothing doubled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pyarrow as pa
import pytest
from pydantic import SecretStr

from ingest.contracts.model import StreamContract
from ingest.contracts.registry import ContractRegistry
from ingest.errors import AccessError, FatalError, QuarantineRatioError, TransientError
from ingest.lake.commit import Commit, CommitKind
from ingest.lake.log import CommitLog
from ingest.run.runner import open_ingestion
from local.processes import ProcessGroup
from local.run_directory import RunDirectory
from local.servers.saas_server import SaasServer, start_saas
from tests.conftest import small_provider
from tests.ingest.run.world import World

HOURS_BACK = timedelta(hours=12)


@pytest.fixture(scope="module")
def contracts() -> ContractRegistry:
    return ContractRegistry.load()


@pytest.fixture
def events(contracts: ContractRegistry) -> StreamContract:
    return contracts["email_events"]


@pytest.fixture(scope="module")
def provider(processes: ProcessGroup, run_directory: RunDirectory, stack_logs: Path) -> SaasServer:
    """One provider for all tests here. Each test has its own lake, and the provider's clock only moves forward."""
    options = replace(small_provider(later=-HOURS_BACK), events_per_day=1_000)
    return start_saas(processes, options, run_directory.path, stack_logs).ready()


@pytest.fixture
def saas(world: World, provider: SaasServer) -> World:
    settings = world.settings.model_copy(
        update={
            "saas_base_url": provider.base_url,
            "saas_api_key": SecretStr(provider.api_key),
            "saas_page_size": 250,
            "wait_budget_seconds": 20,
        }
    )
    return World(settings, world.connection, world.store)


@dataclass(frozen=True)
class Faults:
    """The provider's admin route for faults."""

    admin: httpx.Client

    def on(self, kind: str, **settings: Any) -> None:
        answer = self.admin.post("/admin/faults", json={"kind": kind, **settings})
        assert answer.status_code == httpx.codes.CREATED, answer.text

    def off(self) -> None:
        assert self.admin.delete("/admin/faults").is_success


@pytest.fixture
def faults(provider: SaasServer) -> Iterator[Faults]:
    key = {"Authorization": f"Bearer {provider.admin_key}"}
    with httpx.Client(base_url=provider.base_url, headers=key, trust_env=False) as admin:
        faults = Faults(admin)
        yield faults
        faults.off()


def records_at_provider(saas: World, path: str, until: datetime | None = None) -> list[bytes]:
    """Return the provider's records, byte for byte, requested page by page by independent code."""
    found: list[bytes] = []
    cursor: str | None = None
    key = saas.settings.saas_api_key.get_secret_value()
    with httpx.Client(base_url=saas.settings.saas_base_url, trust_env=False) as client:
        while True:
            params: dict[str, str] = {"limit": "1000"} | ({"cursor": cursor} if cursor else {})
            if until is not None:
                params["until"] = until.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            answer = client.get(path, params=params, headers={"Authorization": f"Bearer {key}"})
            page = msgspec.json.decode(answer.content, type=dict[str, msgspec.Raw])
            found += [bytes(raw) for raw in msgspec.json.decode(page["data"], type=list[msgspec.Raw])]
            cursor = msgspec.json.decode(page["next_cursor"], type=str | None)
            if cursor is None:
                return found


def landed_and_refused(saas: World, contract: StreamContract) -> Counter[bytes]:
    landed = Counter(row["payload"].encode() for row in saas.landed(contract))
    refused = [row["record"] for c in saas.commits(contract) for f in c.quarantine for row in saas.parquet(f.key)]
    return landed + Counter(refused)


def assert_all_landed(saas: World, contract: StreamContract) -> None:
    """Check that every record below the watermark was landed or quarantined exactly as often as the provider
    gives it.
    """
    until = saas.commits(contract)[-1].watermark.after
    assert until is not None
    landed, given = landed_and_refused(saas, contract), Counter(records_at_provider(saas, "/v1/events", until))
    assert (landed - given, given - landed) == (Counter(), Counter())


def test_every_record_is_landed_or_quarantined_to_the_byte(saas: World, events: StreamContract) -> None:
    result = saas.run(events)

    assert_all_landed(saas, events)
    assert result.rows_quarantined > 0
    refused = [row for c in saas.commits(events) for f in c.quarantine for row in saas.parquet(f.key)]
    assert all(row["reason"] and row["position"] >= 1 for row in refused)
    assert result.source_count is not None
    distinct = {row["event_id"] for row in saas.landed(events)}
    assert result.source_count.rows == len(distinct) + result.rows_quarantined


def test_late_events_arrive_in_a_later_run_and_nothing_is_read_twice(
    saas: World, events: StreamContract, provider: SaasServer
) -> None:
    first = saas.run(events)
    provider.advance_clock(timedelta(hours=6))
    second = saas.run(events)

    assert second.watermark_before == first.watermark_after
    assert second.rows_landed > 0
    assert_all_landed(saas, events)
    occurred = [msgspec.json.decode(row["payload"])["occurred_at"] for row in saas.rows(second.commits[0])]
    assert first.watermark_after is not None
    assert min(occurred) < first.watermark_after.isoformat()


def test_what_is_not_settled_is_left_to_the_next_run(saas: World, events: StreamContract) -> None:
    before = parsedate_to_datetime(httpx.get(f"{saas.settings.saas_base_url}/healthz").headers["Date"])
    result = saas.run(events)

    assert result.watermark_after is not None
    settling = timedelta(seconds=saas.settings.saas_settling_seconds)
    assert result.watermark_after <= before - settling + timedelta(seconds=5)


def in_pieces(saas: World, *, patience: float = 0) -> World:
    """Return the world with a commit after every page."""
    settings = saas.settings.model_copy(update={"saas_commit_bytes": 1, "wait_budget_seconds": patience})
    return World(settings, saas.connection, saas.store)


def test_a_run_that_breaks_off_resumes_in_the_middle_of_its_window(
    saas: World, events: StreamContract, faults: Faults
) -> None:
    faults.on("drop", path="/v1/events", skip=4)
    with pytest.raises(TransientError):
        in_pieces(saas).run(events)
    interrupted = saas.commits(events)
    faults.off()
    saas.run(events)

    assert len(interrupted) == 3
    assert interrupted[-1].watermark.resume is not None
    assert interrupted[-1].watermark.after is None
    assert saas.commits(events)[-1].watermark.resume is None
    assert_all_landed(saas, events)


def test_a_stream_of_the_provider_is_quick_where_nothing_has_settled_and_no_window_is_unfinished(
    saas: World, events: StreamContract, provider: SaasServer, faults: Faults
) -> None:
    def is_quick() -> bool:
        with open_ingestion(saas.settings, [events], "a look", store=saas.store) as run:
            return run.is_quick(events.stream, keys=False)

    first = is_quick()
    faults.on("drop", path="/v1/events", skip=4)
    with pytest.raises(TransientError):
        in_pieces(saas).run(events)
    faults.off()
    unfinished = is_quick()
    saas.run(events)
    idle = is_quick()
    provider.advance_clock(timedelta(hours=6))

    assert (first, unfinished, idle, is_quick()) == (False, False, True, False)


def test_a_cursor_that_the_provider_forgot_makes_the_window_be_read_again(
    saas: World, events: StreamContract, faults: Faults
) -> None:
    faults.on("drop", path="/v1/events", skip=4)
    with pytest.raises(TransientError):
        in_pieces(saas).run(events)
    faults.off()
    head = _forge_resume(saas, events)
    result = saas.run(events)

    assert head.watermark.resume is not None
    assert "was refused" in result.notices[0]
    at_provider = records_at_provider(saas, "/v1/events", result.watermark_after)
    assert set(landed_and_refused(saas, events)) == set(at_provider)


def _forge_resume(world: World, contract: StreamContract) -> Commit:
    """Append a commit with a page cursor that no provider has ever given."""
    log = CommitLog(world.store, contract.stream)
    head = log.head()
    assert head is not None
    assert head.watermark.resume is not None
    resume = head.watermark.resume.model_copy(update={"page_cursor": "forgotten"})
    forged = head.model_copy(
        update={
            "version": head.version + 1,
            "watermark": head.watermark.model_copy(update={"resume": resume}),
            "files": (),
            "quarantine": (),
        }
    )
    log.append(forged)
    return forged


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error", "status": 429, "retry_after": {"seconds": 1}},
        {"kind": "error", "status": 429, "retry_after": {"seconds": 1, "form": "http-date"}},
        {"kind": "error", "status": 429},
        {"kind": "error", "status": 500},
        {"kind": "error", "status": 503},
        {"kind": "truncate"},
        {"kind": "invalid_json"},
        {"kind": "drop"},
        {"kind": "repeat_page"},
        {"kind": "loop_cursor"},
        {"kind": "empty_page"},
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values() if not isinstance(value, dict)),
)
def test_a_fault_of_the_moment_loses_and_doubles_nothing(
    saas: World, events: StreamContract, faults: Faults, fault: dict[str, Any]
) -> None:
    faults.on(**fault, path="/v1/events", skip=2, count=1)
    saas.run(events)
    assert_all_landed(saas, events)


@pytest.mark.parametrize(("kind", "says"), [("loop_cursor", "runs in a circle"), ("repeat_page", "again and again")])
def test_paging_that_never_ends_is_an_error(
    saas: World, events: StreamContract, faults: Faults, kind: str, says: str
) -> None:
    faults.on(kind, path="/v1/events", skip=2)
    impatient = World(saas.settings.model_copy(update={"wait_budget_seconds": 1}), saas.connection, saas.store)
    with pytest.raises(FatalError, match=says):
        impatient.run(events)
    assert saas.commits(events) == []


def test_a_wait_longer_than_the_budget_is_not_waited_for(saas: World, events: StreamContract, faults: Faults) -> None:
    faults.on("error", status=429, retry_after={"seconds": 3600})
    with pytest.raises(TransientError, match="asks to wait"):
        saas.run(events)


def test_a_key_revoked_in_mid_run_keeps_what_was_committed(saas: World, events: StreamContract, faults: Faults) -> None:
    faults.on("error", status=403, path="/v1/events", skip=4)
    with pytest.raises(AccessError, match="Check SAAS_API_KEY") as refusal:
        in_pieces(saas).run(events)
    faults.off()
    saas.run(events)

    assert refusal.value.exit_code == 2
    assert saas.settings.saas_api_key.get_secret_value() not in str(refusal.value)
    assert_all_landed(saas, events)


def test_above_the_ratio_the_batch_is_refused_whole(saas: World, events: StreamContract) -> None:
    strict = {"max_quarantine_ratio": 0.0, "quarantine_allowance": 0}
    events = replace(events, spec=events.spec.model_copy(update=strict))
    with pytest.raises(QuarantineRatioError, match="records break the contract, more than maxQuarantineRatio 0 allows"):
        saas.run(events)
    assert saas.commits(events) == []


def test_campaigns_that_are_edited_or_deleted_are_seen_by_the_next_run(
    saas: World, contracts: ContractRegistry, provider: SaasServer
) -> None:
    campaigns = contracts["campaigns"]
    saas.run(campaigns)
    for _ in range(4):
        provider.advance_clock(timedelta(hours=2, minutes=50))
        saas.run(campaigns)
    result = saas.run(campaigns)

    assert result.source_count is not None
    in_flight = {row["campaign_id"] for row in (result.source_count.in_flight or pa.table({})).to_pylist()}
    current = {key[0] for key in saas.current(campaigns)}
    at_provider = {msgspec.json.decode(raw)["campaign_id"] for raw in records_at_provider(saas, "/v1/campaigns")}
    assert current - in_flight == at_provider - in_flight
    assert result.source_count.rows == len(current - in_flight)
    assert CommitKind.DELETES in {commit.kind for commit in saas.commits(campaigns)}

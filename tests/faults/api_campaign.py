"""A provider with random faults of every kind, run after run, while its clock advances and events arrive.

Runs may fail, if they name the reason: a transient fault, a refused key, paging that runs in a circle. Afterwards a run
and a load without faults make everything equal, and no record was landed twice.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx

from ingest.contracts.model import StreamContract
from ingest.contracts.registry import ContractRegistry
from ingest.errors import AccessError, FatalError, PlatformError, TransientError
from ingest.run.runner import open_ingestion
from ingest.settings import IngestSettings
from local.servers.saas_server import SaasServer
from tests.chaos.campaign import Order, Report
from tests.chaos.line import Ground, Line
from tests.faults.patience import without_waiting

NAME = "api"
FULL = 60
STREAMS = ("email_events", "campaigns")

_FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "error", "status": 429, "retry_after": {"seconds": 0}},
    {"kind": "error", "status": 429, "retry_after": {"seconds": 0, "form": "http-date"}},
    {"kind": "error", "status": 429, "retry_after": {"seconds": 86_400}},
    {"kind": "error", "status": 429},
    {"kind": "error", "status": 500},
    {"kind": "error", "status": 503},
    {"kind": "error", "status": 503, "retry_after": {"seconds": 0}},
    {"kind": "error", "status": 401},
    {"kind": "error", "status": 403},
    {"kind": "latency", "seconds": 0.05},
    {"kind": "truncate"},
    {"kind": "invalid_json"},
    {"kind": "drop"},
    {"kind": "repeat_page"},
    {"kind": "loop_cursor"},
    {"kind": "empty_page"},
)


def run(ground: Ground, order: Order) -> Report:
    """Advance the failing provider and do a run, round after round, then judge.

    The ground's provider must be ours alone, because its clock is advanced and its faults are switched on.
    """
    report = Report(NAME, order, wanted=order.size(FULL))
    chance = order.chance("rounds")
    contracts = [lenient(stream) for stream in STREAMS]
    ended: Counter[str] = Counter()
    struck: Counter[str] = Counter()
    page_size = chance.choice([50, 100, 250])
    with ground.line(NAME) as line, Admin(ground.saas) as admin, without_waiting():
        for _ in order.rounds(report.wanted):
            ground.saas.advance_clock(timedelta(minutes=chance.randint(1, 240)))
            admin.switch_on(_bad_day(chance))
            try:
                ended += _ends(line, _small_steps(line.settings, page_size, chance), contracts)
            finally:
                struck += admin.switch_off()
            report.done += 1
        line.ingest(contracts)
        line.load(contracts)
        report.take(line.judge(contracts))
    report.figures |= {"ended": dict(ended), "faults": struck.total(), "by kind": dict(struck)}
    report.expect(struck, "no fault struck")
    report.expect(ended["done"], f"no run got through: {dict(ended)}")
    return report


def lenient(stream: str) -> StreamContract:
    """Return the stream's contract without a limit to quarantine, because a small batch may hold few good records."""
    contract = ContractRegistry.load()[stream]
    return replace(contract, spec=contract.spec.model_copy(update={"max_quarantine_ratio": 1.0}))


def _small_steps(settings: IngestSettings, page_size: int, chance: random.Random) -> IngestSettings:
    """Return settings with small pages and commits, so that runs break in the middle of windows.

    The page size stays the same, because a page is recognised across a break by its records.
    """
    return settings.model_copy(
        update={
            "saas_page_size": page_size,
            "saas_commit_bytes": chance.choice([1, 20_000, 100_000]),
            "wait_budget_seconds": 5.0,
        }
    )


def _bad_day(chance: random.Random) -> list[dict[str, Any]]:
    """Return a few faults. Each meets a share of the requests after some have passed, and ends after a few."""
    return [
        {
            **fault,
            "rate": round(chance.uniform(0.05, 1.0), 2),
            "skip": chance.randint(0, 8),
            "count": chance.randint(1, 8),
        }
        for fault in chance.sample(_FAULTS, chance.randint(1, 5))
    ]


def _ends(line: Line, settings: IngestSettings, contracts: Sequence[StreamContract]) -> Counter[str]:
    """Run the streams, and count the outcomes. Raises any error that no fault explains."""
    ended: Counter[str] = Counter()
    with open_ingestion(settings, contracts, "campaign", store=line.store) as opened:
        for contract in contracts:
            try:
                opened.ingest(contract.stream)
            except (TransientError, AccessError) as error:
                ended[type(error).__name__] += 1
            except FatalError as error:
                _require_paging(error)
                ended["paging refused"] += 1
            else:
                ended["done"] += 1
    return ended


def _require_paging(error: PlatformError) -> None:
    if "runs in a circle" not in error.message and "again and again" not in error.message:
        raise error


class Admin:
    """The provider's routes for faults."""

    def __init__(self, provider: SaasServer) -> None:
        key = {"Authorization": f"Bearer {provider.admin_key}"}
        self._client = httpx.Client(base_url=provider.base_url, headers=key, trust_env=False)

    def __enter__(self) -> Admin:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def switch_on(self, faults: Sequence[dict[str, Any]]) -> None:
        for fault in faults:
            answer = self._client.post("/admin/faults", json=fault)
            assert answer.status_code == httpx.codes.CREATED, answer.text

    def switch_off(self) -> Counter[str]:
        """Switch all faults off. Return what each kind of fault has done."""
        struck: Counter[str] = Counter()
        for installed in self._client.get("/admin/faults").json():
            fault = installed["fault"]
            struck[f"{fault['kind']} {fault.get('status', '')}".strip()] += installed["fired"]
        assert self._client.delete("/admin/faults").is_success
        return struck

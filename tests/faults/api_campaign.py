"""A provider on bad days: faults of every kind at random, run after run, while its clock and its events go on.

    report = api_campaign(ground, provider, seed=1, rounds=6)

Runs may fail, as long as they say why: a fault of the moment, a refused key, paging that runs in a circle. After them a
quiet run and load make everything equal, and no record was landed twice.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from ingest.contracts.model import StreamContract
from ingest.contracts.registry import ContractRegistry
from ingest.errors import AccessError, FatalError, PlatformError, TransientError
from ingest.runner import open_run
from orchestration.local.saas_server import SaasServer
from tests.chaos.judge import Judgement
from tests.chaos.line import Ground, Line
from tests.faults.patience import without_waiting

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


@dataclass
class ApiReport:
    """Which faults struck how often, how the streams' runs ended, and the judgement."""

    seed: int
    struck: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    judgement: Judgement | None = None

    def __str__(self) -> str:
        faults = ", ".join(f"{kind} {count}" for kind, count in sorted(self.struck.items()))
        return f"seed {self.seed}: {dict(self.ended)}; {self.struck.total()} faults ({faults})"


def api_campaign(ground: Ground, provider: SaasServer, *, seed: int, rounds: int) -> ApiReport:
    """Let the provider live on and fail, and run, `rounds` times; then judge. The provider is this campaign's own.

    Raises AssertionError.
    """
    chance = random.Random(seed)
    report = ApiReport(seed)
    contracts = [lenient(stream) for stream in STREAMS]
    with ground.line(f"api_{seed}") as laid, Admin(provider) as admin, without_waiting():
        line = _at(laid, provider, chance)
        for _ in range(rounds):
            provider.advance_clock(timedelta(minutes=chance.randint(1, 240)))
            admin.switch_on(_bad_day(chance))
            _tried(report, line, contracts)
            report.struck += admin.switch_off()
        line.ingest(contracts)
        line.load(contracts)
        report.judgement = line.judge(contracts, staging=False)
    report.judgement.require_innocent()
    return report


def lenient(stream: str) -> StreamContract:
    """The stream's contract, with no limit to what is quarantined: a small batch may hold few good records."""
    contract = ContractRegistry.load()[stream]
    return replace(contract, spec=contract.spec.model_copy(update={"max_quarantine_ratio": 1.0}))


def _at(line: Line, provider: SaasServer, chance: random.Random) -> Line:
    """The line, with its API here; small pages and small commits, so that runs break in the middle of windows."""
    settings = line.settings.model_copy(
        update={
            "saas_base_url": provider.base_url,
            "saas_api_key": SecretStr(provider.api_key),
            "saas_page_size": chance.choice([50, 100, 250]),
            "saas_commit_bytes": chance.choice([1, 20_000, 100_000]),
            "wait_budget_seconds": 5.0,
        }
    )
    return replace(line, settings=settings)


def _bad_day(chance: random.Random) -> list[dict[str, Any]]:
    """A few faults: each meets a share of the requests after some have passed, and ends after a few."""
    return [
        {
            **fault,
            "rate": round(chance.uniform(0.05, 1.0), 2),
            "skip": chance.randint(0, 8),
            "count": chance.randint(1, 8),
        }
        for fault in chance.sample(_FAULTS, chance.randint(1, 5))
    ]


def _tried(report: ApiReport, line: Line, contracts: Sequence[StreamContract]) -> None:
    with open_run(line.settings, contracts, "campaign", store=line.store) as run:
        for contract in contracts:
            try:
                run.ingest(contract.stream)
            except (TransientError, AccessError) as error:
                report.ended[type(error).__name__] += 1
            except FatalError as error:
                _require_paging(error)
                report.ended["paging refused"] += 1
            else:
                report.ended["done"] += 1


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
        """What each kind of fault has done, and an end to it."""
        struck: Counter[str] = Counter()
        for installed in self._client.get("/admin/faults").json():
            fault = installed["fault"]
            struck[f"{fault['kind']} {fault.get('status', '')}".strip()] += installed["fired"]
        assert self._client.delete("/admin/faults").is_success
        return struck

"""Starts the mock e-mail provider, whose clock can be advanced."""

from __future__ import annotations

import re
import secrets
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from local.environment import clean_environment
from local.processes import Command, Process, Spawner, Stop
from orchestration.business_time import as_variable

_READY_SECONDS = 60.0
_ADMIN_SECONDS = 30.0
_LISTENS = re.compile(rb"mock_saas listens on (http://\S+)\n")


@dataclass(frozen=True)
class SaasOptions:
    """The options of the provider. Its history begins at `epoch`.

    Its clock is real time plus `clock_offset`. With `business_now`, it stands at that moment plus `clock_offset` until
    it is advanced.
    """

    epoch: datetime
    clock_offset: timedelta = timedelta(0)
    business_now: datetime | None = None
    events_per_day: int = 2_000
    recipients: int = 4_800
    skus: int = 500
    seed: int = 1

    @property
    def environment(self) -> dict[str, str]:
        return {
            **(as_variable(self.business_now) if self.business_now else {}),
            "EPOCH": self.epoch.isoformat(),
            "CLOCK_OFFSET_SECONDS": str(self.clock_offset.total_seconds()),
            "EVENTS_PER_DAY": str(self.events_per_day),
            "RECIPIENTS": str(self.recipients),
            "SKUS": str(self.skus),
            "SEED": str(self.seed),
        }


@dataclass(frozen=True)
class SaasServer:
    """A running provider on 127.0.0.1."""

    base_url: str
    api_key: str = field(repr=False)
    admin_key: str = field(repr=False)
    process: Process = field(repr=False)

    @property
    def visits_url(self) -> str:
        """The URL at which the shop asks for visits, with the admin key."""
        return f"{self.base_url}/admin/visits"

    def advance_clock(self, span: timedelta) -> None:
        """Move the provider's clock forward: campaigns are edited, messages opened, late events arrive."""
        answer = httpx.post(
            f"{self.base_url}/admin/clock",
            json={"advance_seconds": span.total_seconds()},
            headers={"Authorization": f"Bearer {self.admin_key}"},
            timeout=_ADMIN_SECONDS,
            trust_env=False,  # the user's proxy must not be used here
        )
        answer.raise_for_status()


@dataclass(frozen=True)
class StartingSaasServer:
    """A provider whose process was started. `ready` waits for it."""

    process: Process
    api_key: str = field(repr=False)
    admin_key: str = field(repr=False)

    def ready(self) -> SaasServer:
        """Wait until the provider accepts connections. Raises LocalStackError if it does not."""
        self.process.wait_until(lambda: _LISTENS.search(self.process.output()) is not None, _READY_SECONDS)
        found = _LISTENS.search(self.process.output())
        assert found is not None  # noqa: S101 - just waited for
        return SaasServer(found[1].decode(), self.api_key, self.admin_key, self.process)


def start_saas(spawner: Spawner, options: SaasOptions, directory: Path, logs: Path) -> StartingSaasServer:
    """Start the provider on a free port, and return at once."""
    api_key, admin_key = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
    additions = {**options.environment, "API_KEY": api_key, "ADMIN_KEY": admin_key, "ENVIRONMENT": "dev"}
    command = Command(
        "E-mail provider",
        (sys.executable, "-m", "mock_saas", "--port", "0"),
        logs / "mock_saas.log",
        clean_environment(additions),
        directory,
        stop=(Stop("TERM", 5.0), Stop("KILL", 5.0)),
    )
    return StartingSaasServer(spawner.spawn(command), api_key, admin_key)

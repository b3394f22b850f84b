"""The e-mail provider's admin routes: its clock, and its faults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx

EVENTS = "/v1/events"


@dataclass(frozen=True)
class Provider:
    """The provider at `url`."""

    url: str
    api_key: str = field(repr=False)
    admin_key: str = field(repr=False)

    def advance_clock(self, span: timedelta) -> None:
        """Advance the provider's clock by `span`."""
        self._ask("POST", "/admin/clock", {"advance_seconds": span.total_seconds()})

    @contextmanager
    def fault(self, **fault: Any) -> Iterator[int]:
        """Switch a fault on within the block (see mock_saas/faults/injection.py). Yield its number, for `fired`."""
        number = self._ask("POST", "/admin/faults", fault).json()["id"]
        try:
            yield number
        finally:
            self._ask("DELETE", f"/admin/faults/{number}")

    def fired(self, number: int) -> int:
        """Return the number of requests that a fault has met."""
        return next(one["fired"] for one in self._ask("GET", "/admin/faults").json() if one["id"] == number)

    def _ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.admin_key}"}
        with httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=30) as client:
            return client.request(method, path, json=body).raise_for_status()

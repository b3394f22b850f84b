"""A client of Prefect's REST API: starts runs, waits for them, and reads the contents of their pages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx

from orchestration.runtime.names import PLATFORM_FLOW
from tests.e2e.waiting import until

_PAGE = 200
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@dataclass(frozen=True)
class Run:
    """A flow run or a task run: its name and its state, as the UI shows them."""

    id: str
    name: str
    type: str
    state: str
    message: str
    seconds: float

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Run:
        """Return a run from the API's JSON."""
        state = answer["state"] or {"type": "PENDING", "name": "none", "message": None}
        message = state["message"] or ""
        return cls(answer["id"], answer["name"], state["type"], state["name"], message, answer["total_run_time"])

    @property
    def ended(self) -> bool:
        """Whether its state is final."""
        return self.type in FINAL

    def require_completed(self) -> Run:
        """Return the run. Raises AssertionError with the state's message if it is not completed."""
        assert self.state == "Completed", f"{self.name} is {self.state}: {self.message}"
        return self


@dataclass(frozen=True)
class PrefectApi:
    """The API at `url`, such as http://127.0.0.1:4200/api."""

    url: str

    @cached_property
    def client(self) -> httpx.Client:
        """A client without the user's proxy, and without connections that the server has closed."""
        limits = httpx.Limits(max_keepalive_connections=0)
        return httpx.Client(base_url=self.url, trust_env=False, timeout=30, limits=limits)

    def start(self, deployment: str, flow: str = PLATFORM_FLOW, **parameters: Any) -> str:
        """Create a run of a deployment. Return its id."""
        found = self._get(f"/deployments/name/{flow}/{deployment}")
        return str(self._post(f"/deployments/{found['id']}/create_flow_run", {"parameters": parameters})["id"])

    def run(self, run_id: str) -> Run:
        """Return the present state of a flow run."""
        return Run.of(self._get(f"/flow_runs/{run_id}"))

    def ended(self, run_id: str, *, seconds: float = 600) -> Run:
        """Return the run when its state is final. The server may be unavailable in the meantime."""

        def look() -> Run | None:
            try:
                run = self.run(run_id)
            except (httpx.TransportError, httpx.HTTPStatusError):
                return None
            return run if run.ended else None

        return until(look, seconds=seconds, what=f"the end of run {run_id}", every=0.5)

    def in_state(self, run_id: str, *states: str, seconds: float = 60) -> Run:
        """Return the run when its state has one of these names."""

        def look() -> Run | None:
            run = self.run(run_id)
            assert not run.ended or run.state in states, f"{run.name} has ended as {run.state}: {run.message}"
            return run if run.state in states else None

        return until(look, seconds=seconds, what=f"run {run_id} to be {' or '.join(states)}")

    def runs(self, deployment: str, flow: str = PLATFORM_FLOW) -> list[Run]:
        """Return the deployment's runs, the newest first; none if it is not registered yet."""
        asked = {
            "deployments": {"name": {"any_": [deployment]}},
            "flows": {"name": {"any_": [flow]}},
            "sort": "EXPECTED_START_TIME_DESC",
        }
        return [Run.of(answer) for answer in self._pages("/flow_runs/filter", asked)]

    def children(self, run_id: str) -> list[Run]:
        """Return the flow runs that a run has started."""
        asked = {"flow_runs": {"parent_flow_run_id": {"any_": [run_id]}}, "sort": "START_TIME_ASC"}
        return [Run.of(answer) for answer in self._pages("/flow_runs/filter", asked)]

    def tasks(self, run_id: str) -> list[Run]:
        """Return the task runs of a flow run."""
        asked = {"flow_runs": {"id": {"any_": [run_id]}}}
        return [Run.of(answer) for answer in self._pages("/task_runs/filter", asked)]

    def task(self, run_id: str, name: str) -> Run | None:
        """Return the newest task run with that name; None if there is none yet."""
        return next((task for task in reversed(self.tasks(run_id)) if task.name == name), None)

    def log(self, run_id: str) -> str:
        """Return all log lines of a flow run and its tasks."""
        asked = {"logs": {"flow_run_id": {"any_": [run_id]}}, "sort": "TIMESTAMP_ASC"}
        return "\n".join(entry["message"] for entry in self._pages("/logs/filter", asked))

    def artifacts(self, run_id: str) -> dict[str, Any]:
        """Return a flow run's artifacts by key: rows of a table, or markdown."""
        asked = {"artifacts": {"flow_run_id": {"any_": [run_id]}}}
        found = [one for one in self._pages("/artifacts/filter", asked) if one["key"]]
        return {one["key"]: json.loads(one["data"]) if one["type"] == "table" else one["data"] for one in found}

    def _get(self, path: str) -> Any:
        return self.client.get(path).raise_for_status().json()

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self.client.post(path, json=body).raise_for_status().json()

    def _pages(self, path: str, asked: Mapping[str, Any]) -> Iterator[Any]:
        offset = 0
        while page := self._post(path, {**asked, "limit": _PAGE, "offset": offset}):
            yield from page
            offset += len(page)

"""Reads the figures: a few requests to each source, whatever the size of the platform's history."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect.client.orchestration import PrefectClient

from ingest.apart import apart
from ingest.contracts.model import StreamContract
from ingest.lake.commit import Commit, watermark_of
from ingest.lake.counting import APPENDED
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from orchestration.ops.freshness import freshness_at, present_of
from orchestration.ops.latest import LatestRun, read_latest
from orchestration.prefect.metrics.figures import LakeFigures, RunCounts, StreamFigures
from orchestration.runtime.names import MAINTENANCE_FLOW, PLATFORM_FLOW
from orchestration.settings import OrchestrationSettings

FLOWS = (PLATFORM_FLOW, MAINTENANCE_FLOW)
_WINDOW = timedelta(hours=24)
_AT_ONCE = 8
_UNDER_WAY: Mapping[str, dict[str, Any]] = {
    "late": {"name": {"any_": ["Late"]}},
    "pending": {"type": {"any_": ["PENDING"]}},
    "running": {"type": {"any_": ["RUNNING", "CANCELLING"]}},
}
_ENDED: Mapping[str, dict[str, Any]] = {
    name.lower(): {"type": {"any_": [name]}} for name in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
}


async def count_runs(client: PrefectClient) -> RunCounts:
    """Return the numbers of runs by flow and state. Raises httpx.HTTPError."""
    began = {"after_": (datetime.now(UTC) - _WINDOW).isoformat()}
    asked = [(flow, name, {"state": state}) for flow in FLOWS for name, state in _UNDER_WAY.items()]
    asked += [(flow, name, {"state": state, "start_time": began}) for flow in FLOWS for name, state in _ENDED.items()]
    counts = await asyncio.gather(*(_count(client, flow, runs) for flow, _, runs in asked))
    by_flow: dict[str, dict[str, int]] = {flow: {} for flow in FLOWS}
    for (flow, name, _), count in zip(asked, counts, strict=True):
        by_flow[flow][name] = count
    return RunCounts(by_flow)


async def _count(client: PrefectClient, flow: str, runs: dict[str, Any]) -> int:
    """Return the number of flow runs that match a filter. Prefect's client has no method for it."""
    body = {"flows": {"name": {"any_": [flow]}}, "flow_runs": runs}
    return int((await client._client.post("/flow_runs/count", json=body)).json())


def latest_of(store: ObjectStore, contracts: Sequence[StreamContract]) -> LatestRun | None:
    """Return the note of the newest run, limited to these streams. Other streams were given up and need no action.

    Raises the object store's errors if the lake cannot be read.
    """
    latest = read_latest(store)
    if latest is None:
        return None
    ours = {contract.stream for contract in contracts}
    return latest.model_copy(
        update={"streams": {stream: standing for stream, standing in latest.streams.items() if stream in ours}}
    )


@dataclass(frozen=True)
class _Tally:
    """The records committed since the first look, up to `version`, whose batch is `batch_id`."""

    version: int
    batch_id: str | None
    rows: int = 0
    refused: int = 0


class LakeReader:
    """A reader of the logs' heads, and of the commits that are new since its last look."""

    def __init__(
        self, store: ObjectStore, contracts: Sequence[StreamContract], settings: OrchestrationSettings
    ) -> None:
        self._store = store
        self._contracts = contracts
        self._settings = settings
        self._tallies: dict[str, _Tally] = {}

    def read(self) -> LakeFigures:
        """Read the figures of all streams.

        Raises TransientError, AccessError or ConfigurationError if the lake cannot be read.
        """
        found = apart(self._contracts, self._stream, at_once=_AT_ONCE)
        return LakeFigures(found.results, tuple(sorted(str(error.stream) for error in found.errors)))

    def _stream(self, contract: StreamContract) -> StreamFigures:
        log = CommitLog(self._store, contract.stream)
        head = log.head()
        tally = self._tallied(log, head)
        now = datetime.now(UTC)
        present = present_of(contract, self._settings, now)
        fresh = freshness_at(self._store, contract, head, now=present, default=None)
        return StreamFigures(
            stream=contract.stream,
            version=tally.version,
            rows=tally.rows,
            refused=tally.refused,
            watermark=watermark_of(head) if contract.spec.cursor is not None else None,
            read_until=fresh.read_until,
            allowed=fresh.allowed if fresh.judged else None,
            stands_at=present if present != now else None,
        )

    def _tallied(self, log: CommitLog, head: Commit | None) -> _Tally:
        """Return the tally up to `head`. The count of a log that was replaced begins at its head."""
        version, batch_id = (head.version, head.batch_id) if head else (0, None)
        known = self._tallies.get(log.stream)
        if known is None or known.version > version or (known.version == version and known.batch_id != batch_id):
            tally = _Tally(version, batch_id, known.rows if known else 0, known.refused if known else 0)
        else:
            rows, refused = known.rows, known.refused
            for commit in log.since(known.version) if version > known.version else ():
                version, batch_id = commit.version, commit.batch_id
                rows += commit.rows if commit.kind in APPENDED else 0
                refused += commit.counts.quarantined
            tally = _Tally(version, batch_id, rows, refused)
        self._tallies[log.stream] = tally
        return tally

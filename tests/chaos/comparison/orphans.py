"""The files that killed processes have left in the lake, and `ingest gc`, which must remove exactly those."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

from ingest.contracts.model import StreamContract
from ingest.lake.log import CommitLog
from tests.chaos.campaign import Report
from tests.chaos.comparison.lake_side import read_lake
from tests.chaos.faults.victims import Victim, start
from tests.chaos.faults.watcher import Kind, Request, Stage, watcher
from tests.chaos.line import Line

_HOUR = 3600.0
_NO_TIME = timedelta(0)
_STREAM = "customers"


def collect_garbage(line: Line, contracts: Sequence[StreamContract], report: Report) -> None:
    """Run gc for the older half of the orphans, then for the rest, beside a running batch.

    Compare the files each time.
    """
    orphans = _orphans(line, contracts)
    report.figures["orphans"] = len(orphans)
    said = _gc(line, "--dry-run", "--grace-hours", "0")
    report.expect(set(said.removed) == set(orphans), f"gc would remove {len(said.removed)} files, not {len(orphans)}")
    report.expect(_orphans(line, contracts) == orphans, "gc --dry-run changed the lake")
    _remove_the_older_ones(line, contracts, report)
    _spare_a_running_batch(line, report)
    version = _litter(line, above_the_head=1)
    rest = _orphans(line, contracts)
    said = _gc(line, "--grace-hours", "0")
    report.expect(set(said.removed) == set(rest), f"gc removed {len(said.removed)} files, not {len(rest)}")
    report.expect(not _orphans(line, contracts), "gc left orphans")
    taken = CommitLog(line.store, _STREAM).read(version)
    report.expect(taken and not taken.files, f"gc did not take version {version} before it removed a file of it")


def _orphans(line: Line, contracts: Sequence[StreamContract]) -> dict[str, datetime]:
    """Return files that no commit names, and unneeded parts of key sets, each with its time of writing.

    They are determined by the judge's own reading.
    """
    found: dict[str, datetime] = {}
    for contract in contracts:
        lake = read_lake(line.store, contract)
        named = lake.files | _needed_by_keys_passes(line, contract, lake.commits)
        for prefix in (contract.spec.prefix, "_quarantine", "_keys"):
            for item in line.store.list(f"{prefix}/{contract.stream}/"):
                if item.key not in named:
                    found[item.key] = item.modified
    return found


def _needed_by_keys_passes(line: Line, contract: StreamContract, commits: list[dict[str, Any]]) -> set[str]:
    """Return all parts of the newest two key sets, and the key files landed after the older one."""
    marks = [commit["key_set"] for commit in commits if commit["kind"] == "deletes"][-2:]
    since = marks[0]["version"] if len(marks) > 1 else 0
    needed = {file["key"] for commit in commits if commit["version"] > since for file in commit["landed_keys"]}
    for mark in marks:
        level = [mark["root"]]
        needed |= {f"_keys/{contract.stream}/{name}" for name in level}
        for _ in range(mark["depth"]):
            bodies = [line.store.get(f"_keys/{contract.stream}/{name}") for name in level]
            level = [name for body in bodies if body for name in json.loads(gzip.decompress(body))]
            needed |= {f"_keys/{contract.stream}/{name}" for name in level}
    return needed


def _remove_the_older_ones(line: Line, contracts: Sequence[StreamContract], report: Report) -> None:
    """Run gc with a grace that ends in the widest gap between two orphans. Older ones must go, younger ones stay."""
    _litter(line, above_the_head=0)
    orphans = _orphans(line, contracts)
    times = sorted(set(orphans.values()))
    gap, before = max(((later - earlier, earlier) for earlier, later in pairwise(times)), default=(_NO_TIME, times[0]))
    # Near its beginning, since gc takes a while to start, and counts from then.
    grace = datetime.now(UTC) - (before + gap / 10)
    said = _gc(line, "--grace-hours", f"{grace.total_seconds() / _HOUR:.9f}")
    old = {key for key, modified in orphans.items() if modified <= before}
    report.figures["orphans beyond a grace"] = f"{len(old)} of {len(orphans)}"
    report.expect(set(said.removed) == old, f"gc with a grace removed {len(said.removed)} files, not {len(old)}")
    left = set(_orphans(line, contracts))
    report.expect(left == set(orphans) - old, f"gc with a grace left {len(left)} files, not {len(orphans) - len(old)}")


def _litter(line: Line, *, above_the_head: int) -> int:
    """Leave a file as a batch would that lost (0 above the head) or was killed (1 above): a file of that version."""
    head = CommitLog(line.store, _STREAM).head()
    assert head is not None
    version = head.version + above_the_head
    line.store.put(f"inventory/{_STREAM}/dt=2026-06-01/{version:010d}-0000-0123456789ab.parquet", b"half")
    return version


def _spare_a_running_batch(line: Line, report: Report) -> None:
    """Check that gc leaves the files of a running batch, which then commits."""
    with line.session() as session, session.cursor() as cursor:
        cursor.execute("update customers set full_name = full_name || '!'")
    uploaded, may_commit = Event(), Event()

    def hold(request: Request) -> bool:
        if request.kind is Kind.COMMIT and request.stage is Stage.ASKED:
            uploaded.set()
            may_commit.wait(60)
        return True

    with watcher(line.settings.lake.endpoint_url or "") as watching:
        watching.watch = hold
        environment = {"AWS_ENDPOINT_URL": watching.endpoint_url, "HORIZON_MARGIN_SECONDS": "0"}
        batch = _start(line, ["ingest", "run", "--stream", _STREAM, "--no-keys"], "batch", **environment)
        try:
            report.expect(uploaded.wait(60), f"the batch never came to its commit: {batch.said[-500:]}")
            _gc(line, "--grace-hours", "0.05")
        finally:
            may_commit.set()
        code = batch.wait(60)
    report.expect(code == 0, f"a batch that ran beside gc ended with {code}: {batch.said[-1000:]}")


class _Said:
    """The output of gc."""

    def __init__(self, text: str) -> None:
        self.removed: list[str] = re.findall(r"^(?:would remove|removed) (\S+)", text, re.MULTILINE)


def _gc(line: Line, *options: str) -> _Said:
    """Run `ingest gc`, and check that it succeeds."""
    command = _start(line, ["ingest", "gc", *options], "gc")
    code = command.wait(120)
    assert code == 0, f"'{command}' ended with {code}: {command.said}"
    return _Said(command.said)


def _start(line: Line, command: Sequence[str], name: str, **settings: str) -> Victim:
    output = Path(line.warehouse.parent, "gc", f"{name}.out")
    return start(command, line.environment | settings, output)

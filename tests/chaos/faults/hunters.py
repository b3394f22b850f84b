"""Starts commands and kills them: after a random time, at a request to S3, or when they write the warehouse."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic

from ingest.contracts.model import StreamContract
from tests.chaos.campaign import Order
from tests.chaos.comparison.warehouse_side import database_file
from tests.chaos.faults.victims import Victim, start
from tests.chaos.faults.watcher import Kind, Request, Stage, Watcher, watcher
from tests.chaos.line import Line

_LONGEST_SECONDS = 1.5
"""Beyond it, kills at a random time come too late for most commands."""
_POLL_SECONDS = 0.0003
_ENDED = "(ended before)"


@dataclass
class Hunter:
    """A starter and killer of commands of one role. Only these use its watcher, so each request is known to be theirs.

    `file` is the local file that a command of this role writes, None if it only writes to S3.
    """

    role: str
    commands: list[list[str]]
    line: Line
    watching: Watcher
    chance: random.Random
    folder: Path
    file: Path | None = None
    kills: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    fetched: set[str] = field(default_factory=set)
    _victim: Victim | None = None
    _last: Request | None = None
    _trap: Trap | None = None
    _growth: Growth | None = None
    _patience: float = 0.0
    _struck: bool = False

    def release(self, number: int) -> None:
        """Start a command, and decide when it is to be killed."""
        self._last = None
        self._struck = False
        self._patience = 60.0
        self._trap = self._growth = None
        match self.chance.choice(["time", "request", "file" if self.file else "request"]):
            case "time":
                self._patience = self.chance.uniform(0, _LONGEST_SECONDS)
            case "request":
                self._trap = self.chance.choice(_TRAPS[self.role]).set(self.chance)
            case "file":
                assert self.file is not None
                self._growth = Growth(self.file, nth=self.chance.randint(1, 8))
        self.watching.watch = self._watch
        environment = self.line.environment | {
            "AWS_ENDPOINT_URL": self.watching.endpoint_url,
            "TARGET_FILE_BYTES": "1",
            "SAAS_COMMIT_BYTES": "15000",
            "SAAS_PAGE_SIZE": "50",
        }
        command = self.chance.choice(self.commands)
        self._victim = start(command, environment, self.folder / f"{number:04d}-{self.role}.out")

    def finish(self) -> list[str]:
        """Wait for the kill, or do it. Return the findings on how the command ended."""
        victim = self._victim
        assert victim is not None
        code = self._wait_for_growth(victim) if self._growth else victim.wait(self._patience)
        if code is None:
            self._kill()
            code = victim.wait()
        if code == -9:
            self.kills += 1
            phase = "5 write of the warehouse" if self._growth else _phase(self._last)
            self.struck[f"{self.role}: {phase}"] += 1
            return []
        self.struck[_ENDED] += 1
        if code in (0, 3) and "Traceback" not in victim.said:
            return []
        return [f"'{victim}' ended with {code}: {victim.said[-1500:]}"]

    def _wait_for_growth(self, victim: Victim) -> int | None:
        """Return the exit code, or None as soon as the file has grown often enough."""
        assert self._growth is not None
        deadline = monotonic() + self._patience
        while (code := victim.wait(_POLL_SECONDS)) is None:
            if self._growth.noticed() or monotonic() > deadline:
                return None
        return code

    def _kill(self) -> None:
        """Kill the command. Later requests were already on their way, and do not show where it was."""
        assert self._victim is not None
        self._struck = True
        self._victim.kill()

    def _watch(self, request: Request) -> bool:
        if request.kind is Kind.FETCH:
            self.fetched.add(request.key)
        if self._struck:
            return True
        self._last = request
        if self._trap is None or not self._trap.springs_at(request):
            return True
        self._kill()
        return False


@dataclass
class Trap:
    """A kill at the n-th request of a kind, at one of its stages."""

    kind: Kind
    stage: Stage
    nth: int = 1

    def set(self, chance: random.Random) -> Trap:
        """Return the same trap at a random count. Most streams make one such request in a run."""
        return replace(self, nth=chance.choice([1, 1, 1, 2, 3, 5]))

    def springs_at(self, request: Request) -> bool:
        """Count the request. Return whether it is the one to kill at."""
        if (request.kind, request.stage) == (self.kind, self.stage):
            self.nth -= 1
        return (request.kind, request.stage) == (self.kind, self.stage) and self.nth == 0


@dataclass
class Growth:
    """A kill at the n-th growth of a file: a transaction is being written, or has been a moment ago."""

    path: Path
    nth: int
    size: int = 0

    def noticed(self) -> bool:
        """Look at the file. Return whether this was the n-th growth."""
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            size = 0
        if size > self.size:
            self.nth -= 1
        self.size = size
        return self.nth == 0


def _traps(*kinds: Kind) -> list[Trap]:
    return [Trap(kind, stage) for kind in kinds for stage in Stage]


_WRITES = _traps(Kind.READ_LOG, Kind.UPLOAD, Kind.COMMIT, Kind.COMMIT, Kind.HINT)
_TRAPS = {"run": _WRITES, "keys": _WRITES, "load": _traps(Kind.READ_LOG, Kind.FETCH, Kind.FETCH)}


def _phase(last: Request | None) -> str:
    """Describe the work of a process whose last request was this one."""
    if last is None:
        return "0 start-up"
    names = {
        (Kind.READ_LOG, Stage.ASKED): "1 read of the log",
        (Kind.READ_LOG, Stage.DONE): "2 after a read of the log",
        (Kind.UPLOAD, Stage.ASKED): "3 upload",
        (Kind.UPLOAD, Stage.DONE): "4 after an upload",
        (Kind.COMMIT, Stage.ASKED): "5 commit",
        (Kind.COMMIT, Stage.DONE): "6 after a commit",
        (Kind.HINT, Stage.ASKED): "7 hint",
        (Kind.HINT, Stage.DONE): "8 after a hint",
        (Kind.FETCH, Stage.ASKED): "3 fetch",
        (Kind.FETCH, Stage.DONE): "4 load of what was fetched",
    }
    return names.get((last.kind, last.stage), str(last.kind))


@contextmanager
def hunting_ground(
    line: Line, contracts: Sequence[StreamContract], order: Order, folder: Path
) -> Iterator[list[Hunter]]:
    """Yield a hunter for each role, with the watcher that its victims use as their endpoint."""
    keyed = [contract.stream for contract in contracts if contract.lands_keys]
    all_of_them = [word for contract in contracts for word in ("--stream", contract.stream)]
    commands = {
        "run": [["ingest", "run", *all_of_them], ["ingest", "run", "--stream", "orders", "--stream", "email_events"]],
        "keys": [["ingest", "keys", stream] for stream in keyed],
        "load": [["warehouse", "load", *all_of_them, "--wait", "60"]],
    }
    with ExitStack() as stack:
        yield [
            Hunter(
                role=role,
                commands=listed,
                line=line,
                watching=stack.enter_context(watcher(line.settings.lake.endpoint_url or "")),
                chance=order.chance(role),
                folder=folder,
                file=database_file(line.warehouse).with_suffix(".duckdb.wal") if role == "load" else None,
            )
            for role, listed in commands.items()
        ]

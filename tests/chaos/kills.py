"""Campaign 3, kill anywhere: runs, loads and keys passes are killed with SIGKILL while the shop is busy.

A kill strikes after a random time, or at a random request to S3: before the endpoint hears of it, or after it is done
and before the client hears of that. After the last kill, one clean run and load make everything equal; what the killed
left behind is what `ingest gc` removes (`orphans`).
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

from ingest.contracts.model import StreamContract
from ingest.contracts.registry import ContractRegistry
from postgres.activity.advance import latest_business_time
from postgres.activity.continuous import keep_advancing
from postgres.connection import connected
from tests.chaos.campaign import Order, Report
from tests.chaos.line import BUSINESS_NOW, Ground, Line
from tests.chaos.orphans import collect_garbage
from tests.chaos.victims import Victim, start
from tests.chaos.watcher import Kind, Request, Stage, Watcher, watcher

NAME = "kills"
FULL = 200
_MARGIN_SECONDS = 0.3
"""Of the horizon. The shop's sessions begin their transactions while runs read the horizon."""
_LONGEST_SECONDS = 1.5
"""Beyond it, kills at a random time come too late for most commands."""
_FEW = ["customers", "email_events", "orders", "stock_movements"]
"""The streams of a small size; the full size has all."""
_ENDED = "(ended before)"


def run(ground: Ground, order: Order) -> Report:
    """Kill until there were enough kills; then land, load and judge."""
    report = Report(NAME, order, wanted=order.size(FULL, least=6))
    contracts = ContractRegistry.load().select([] if order.scale >= 1 else _FEW)
    with ground.line(NAME, margin_seconds=_MARGIN_SECONDS) as line:
        with hunting_ground(line, contracts, order) as hunters, busy_shop(line, order.seed):
            chance = order.chance("kills")
            for number in order.rounds(report.wanted * 3):
                if chance.random() < 0.05 and ground.clock_may_move:
                    ground.saas.advance_clock(timedelta(hours=3))
                report.findings += _hunt(chance, hunters, number)
                report.done = sum(hunter.kills for hunter in hunters)
                if report.done >= report.wanted:
                    break
        time.sleep(_MARGIN_SECONDS)  # the last changes are now below any horizon
        line.ingest(contracts)
        line.load(contracts)
        read = [key for hunter in hunters for key in hunter.fetched]
        report.take(line.judge(contracts, objects_read=read))
        collect_garbage(line, contracts, report)
        line.load(contracts)
        report.take(line.judge(contracts, staging=False))
    struck = sum((hunter.struck for hunter in hunters), Counter[str]())
    report.figures |= {f"killed in {phase}": count for phase, count in sorted(struck.items())}
    return report


def _hunt(chance: random.Random, hunters: list[Hunter], number: int) -> list[str]:
    """One or two commands at once, each to be killed."""
    chosen = chance.sample(hunters, chance.choice([1, 1, 2]))
    for hunter in chosen:
        hunter.release(number)
    return [finding for hunter in chosen for finding in hunter.finish()]


@dataclass
class Hunter:
    """Starts commands of one role and kills them. They alone use its watcher, so each request is known to be theirs."""

    role: str
    commands: list[list[str]]
    line: Line
    watching: Watcher
    chance: random.Random
    folder: Path
    kills: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    fetched: set[str] = field(default_factory=set)
    _victim: Victim | None = None
    _last: Request | None = None
    _trap: Trap | None = None
    _patience: float = 0.0
    _struck: bool = False

    def release(self, number: int) -> None:
        """Start a command, and decide when it is to be killed."""
        self._last = None
        self._struck = False
        self._patience = 60.0
        self._trap = None
        if self.chance.random() < 0.5:
            self._trap = self.chance.choice(_TRAPS[self.role]).set(self.chance)
        else:
            self._patience = self.chance.uniform(0, _LONGEST_SECONDS)
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
        """Wait for the kill, or do it; what was wrong about the end."""
        victim = self._victim
        assert victim is not None
        code = victim.wait(self._patience)
        if code is None:
            self._kill()
            code = victim.wait()
        if code == -9:
            self.kills += 1
            self.struck[f"{self.role}: {_phase(self._last)}"] += 1
            return []
        self.struck[_ENDED] += 1
        if code in (0, 3) and "Traceback" not in victim.said:
            return []
        return [f"'{victim}' ended with {code}: {victim.said[-1500:]}"]

    def _kill(self) -> None:
        """What comes after it was already on its way, and tells nothing of where the victim was."""
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
        """The same trap at a random count; most streams make one such request in a run."""
        return replace(self, nth=chance.choice([1, 1, 1, 2, 3, 5]))

    def springs_at(self, request: Request) -> bool:
        """Count the request; whether it is the one."""
        if (request.kind, request.stage) == (self.kind, self.stage):
            self.nth -= 1
        return (request.kind, request.stage) == (self.kind, self.stage) and self.nth == 0


def _traps(*kinds: Kind) -> list[Trap]:
    return [Trap(kind, stage) for kind in kinds for stage in Stage]


_WRITES = _traps(Kind.READ_LOG, Kind.UPLOAD, Kind.COMMIT, Kind.COMMIT, Kind.HINT)
_TRAPS = {"run": _WRITES, "keys": _WRITES, "load": _traps(Kind.READ_LOG, Kind.FETCH, Kind.FETCH)}


def _phase(last: Request | None) -> str:
    """What a process was doing whose last request was this one."""
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
def hunting_ground(line: Line, contracts: Sequence[StreamContract], order: Order) -> Iterator[list[Hunter]]:
    """A hunter for each role, with the watcher that its victims use as their endpoint."""
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
                folder=line.scratch.parent / f"{NAME}-victims",
            )
            for role, listed in commands.items()
        ]


@contextmanager
def busy_shop(line: Line, seed: int) -> Iterator[None]:
    """The shop lives on, half a day of its business at a time, until the block ends. Its failure is raised then."""
    stop = Event()
    failures: list[Exception] = []

    def live() -> None:
        try:
            with connected(line.shop.owner_dsn, application_name="shop-activity") as connection:
                keep_advancing(
                    connection,
                    business_now=latest_business_time(connection) or BUSINESS_NOW,
                    step=timedelta(hours=12),
                    every=timedelta(seconds=0.3),
                    seed=seed,
                    wait=stop.wait,
                    clock=lambda: BUSINESS_NOW,
                    on_advanced=lambda until, report: None,
                )
        except Exception as error:
            failures.append(error)

    thread = Thread(target=live, name="shop")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if failures:
        raise failures[0]

"""A run that finds nothing new, over the shop's nine streams, after few commits and after many."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median

from bench.case import Case, Measured, find, wall_of
from bench.cases.lakes import newest
from bench.measure import BenchError, Command, Contender, interleave, run
from bench.results import Check, series_of
from bench.world import Lake, World, python
from ingest.contracts.registry import ContractRegistry
from ingest.lake import layout
from ingest.lake.commit import Counts, KeySetMark
from local.servers.saas_server import SaasOptions, start_saas
from local.servers.shop import ShopPasswords, make_shop

START = "start-up alone"
_SETTLING_RUNS = 3


class _Idle:
    """A lake on which a run finds nothing new, and the S3 requests of its runs."""

    def __init__(self, world: World, lake: Lake, variables: dict[str, str]) -> None:
        self._lake = lake
        self._command = Command([python(), "-m", "ingest", "run"], world.environment(lake.environment, variables))
        self.requests: list[int] = []

    def settle(self, log_length: int) -> None:
        """Land everything, make each log `log_length` commits long, and run until nothing is new."""
        run(self._command)
        for stream in ContractRegistry.load():
            self._lengthen(stream, log_length)
        for _ in range(_SETTLING_RUNS):
            run(self._command)

    @contextmanager
    def trial(self) -> Iterator[Command]:
        versions = self._versions()
        before = self._lake.requests().total()
        yield self._command
        self.requests.append(self._lake.requests().total() - before)
        if self._versions() != versions:
            raise BenchError("the run found something new")

    def _lengthen(self, stream: str, length: int) -> None:
        """Append commits without rows to the log, each as if a keys pass had just found the same key set."""
        head = newest(self._lake, stream)
        empty = head.model_copy(update={"files": (), "counts": Counts(read=0, landed=0, quarantined=0)})
        following = [
            empty.model_copy(update={"version": n, "key_set": _moved(head.key_set, n)})
            for n in range(head.version + 1, length + 1)
        ]
        objects = {layout.commit_key(stream, commit.version): commit.encode().decode() for commit in following}
        last = max([head.version, *(commit.version for commit in following)])
        self._lake.put_directly(objects | {layout.latest_key(stream): f'{{"version":{last}}}'})

    def _versions(self) -> dict[str, int]:
        """Return the newest version of each stream."""
        return {stream: newest(self._lake, stream).version for stream in ContractRegistry.load()}


def measure(world: World) -> Measured:
    """Measure short logs and long ones in turn."""
    few, many = world.scale.idle_commits
    variables = _sources(world)
    with world.lake() as short_lake, world.lake() as long_lake:
        short, long = _Idle(world, short_lake, variables), _Idle(world, long_lake, variables)
        short.settle(few)
        long.settle(many)
        names = [f"nothing new, {few:,} commits a stream", f"nothing new, {many:,} commits a stream"]
        contenders = [
            Contender(names[0], short.trial),
            Contender(names[1], long.trial),
            Contender(START, partial(_start, world)),
        ]
        series = series_of(interleave(contenders, world.scale.rounds, world.tell))
    start = wall_of(series, START)
    beyond = [wall_of(series, name) - start for name in names]
    streams = len(list(ContractRegistry.load()))
    per_stream = [median(idle.requests) / streams for idle in (short, long)]
    world.tell(f"    S3 requests a stream: {per_stream[0]:.2f} and {per_stream[1]:.2f}")
    return Measured(
        series,
        (
            Check(what="Nothing new: S3 requests a stream", value=max(per_stream), limit=4),
            Check(
                what=f"Nothing new: whole process, {streams} streams",
                value=max(wall_of(series, name) for name in names),
                limit=1.0,
                unit="s",
            ),
            Check(what=f"Nothing new: beyond start-up, {streams} streams", value=max(beyond), limit=0.5, unit="s"),
            Check(
                what=f"Nothing new: CPU after {many:,} commits over {few:,}",
                value=find(series, names[1]).cpu / find(series, names[0]).cpu,
                limit=1.2,
                unit="x",
            ),
            Check(
                what=f"Nothing new: wall after {many:,} commits over {few:,}",
                value=wall_of(series, names[1]) / wall_of(series, names[0]),
                limit=1.2,
                unit="x",
            ),
        ),
    )


def _moved(mark: KeySetMark | None, version: int) -> KeySetMark | None:
    """Return the mark of the same key set for another version."""
    return mark.model_copy(update={"version": version}) if mark else None


def _sources(world: World) -> dict[str, str]:
    """Return the variables of a small shop and a provider in which nothing happens for a while."""
    shop = make_shop(world.postgres, ShopPasswords.generate(), "idle_shop")
    now = datetime.now(UTC)
    shop.seed(business_now=now, scale=0.02, seed=1)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    options = SaasOptions(
        epoch=midnight - timedelta(days=30), business_now=now, events_per_day=10, recipients=100, skus=10
    )
    saas = start_saas(world.processes, options, world.directory.path, world.logs).ready()
    return {"POSTGRES_DSN": shop.ingest_dsn, "SAAS_BASE_URL": saas.base_url, "SAAS_API_KEY": saas.api_key}


@contextmanager
def _start(world: World) -> Iterator[Command]:
    yield Command(
        [python(), "-m", "bench.programs.start_only"], world.environment({"AWS_DEFAULT_REGION": "eu-central-1"})
    )


CASE = Case(
    "idle",
    "Nothing new",
    "`ingest run` over the nine streams of the shop and its e-mail provider, with nothing to land; the logs are as "
    "long as named. Start-up is a process that imports the same libraries and loads the same contracts.",
    measure,
)

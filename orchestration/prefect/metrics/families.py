"""The metrics. Ages count up to the moment of the scrape, so that they grow while no source can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from orchestration.ops.latest import LatestRun
from orchestration.prefect.metrics.figures import Figures, LakeFigures, Origin, StreamFigures

PREFIX = "dp_mailblaze_"


class Families(Collector):
    """Prometheus' view of `figures`. `heartbeat` is the file that the agent touches with each poll."""

    def __init__(
        self, figures: Figures, heartbeat: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._figures = figures
        self._heartbeat = heartbeat
        self._clock = clock

    def describe(self) -> list[Metric]:
        """Return no metrics: their names are known from the first scrape on, and registering must read nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the known metrics. A family without any sample is left out."""
        now = self._clock()
        families = [*self._agent(), *self._runs(), *self._lake(now), *self._latest(now)]
        yield from (family for family in families if family.samples)

    def _agent(self) -> Iterator[Metric]:
        polled = _gauge("agent_polled_timestamp_seconds", "When the agent last polled its queues (its heartbeat file).")
        with suppress(OSError):  # the agent has not polled yet
            polled.add_metric([], self._heartbeat.stat().st_mtime)
        yield polled
        success = _gauge("collection_success", "1 if the last try to read this source succeeded, else 0.", "source")
        at = _gauge("collection_timestamp_seconds", "When this source was last read.", "source")
        for origin in Origin:
            if origin in self._figures.is_read:
                success.add_metric([origin], self._figures.is_read[origin])
            if origin in self._figures.read_at:
                at.add_metric([origin], self._figures.read_at[origin].timestamp())
        yield success
        yield at

    def _runs(self) -> Iterator[Metric]:
        family = _gauge(
            "flow_runs",
            "Flow runs by state: late, pending and running ones now; ended ones that began within the last 24 hours "
            "(Prefect's API).",
            "flow",
            "state",
        )
        by_flow = self._figures.runs.by_flow if self._figures.runs is not None else {}
        for flow, states in by_flow.items():
            for state, count in states.items():
                family.add_metric([flow, state], count)
        yield family

    def _lake(self, now: datetime) -> Iterator[Metric]:
        lake = self._figures.lake or LakeFigures((), ())
        rows = _counter("durable_rows", "Rows committed to the lake since the agent began (the lake's logs).", "stream")
        refused = _counter("refused_records", "Records refused to quarantine, likewise (the lake's logs).", "stream")
        version = _gauge("stream_version", "The stream's newest version in the lake (its log).", "stream")
        lag = _gauge(
            "watermark_lag_seconds",
            "How far the watermark is behind the source's present: it moves only where rows come (the lake's logs).",
            "stream",
        )
        age = _gauge(
            "stream_age_seconds",
            "How long ago the source was read: all below is in the lake (watermark, and the hint _read.json).",
            "stream",
        )
        allowed = _gauge("stream_allowed_age_seconds", "How old the stream may be, by its contract.", "stream")
        damaged = _gauge("stream_damaged", "1 if the stream's log is damaged: nothing of it is loaded.", "stream")
        for each in lake.streams:
            rows.add_metric([each.stream], each.rows)
            refused.add_metric([each.stream], each.refused)
            version.add_metric([each.stream], each.version)
            damaged.add_metric([each.stream], 0)
            _add(lag, each.stream, _since(each, each.watermark, now))
            _add(age, each.stream, _since(each, each.read_until, now))
            _add(allowed, each.stream, each.allowed.total_seconds() if each.allowed else None)
        for stream in lake.damaged:
            damaged.add_metric([stream], 1)
        yield from (rows, refused, version, lag, age, allowed, damaged)

    def _latest(self, now: datetime) -> Iterator[Metric]:
        latest = self._figures.latest
        state = _gauge("last_run_completed", "1 if the newest run of the platform completed (_ops/latest.json).")
        seconds = _gauge("last_run_seconds", "How long the newest run took (_ops/latest.json).")
        landed = _gauge("last_run_landed_rows", "Rows that the newest run landed (_ops/latest.json).")
        ended = _gauge("last_run_end_timestamp_seconds", "When the newest run ended (_ops/latest.json).")
        completed = _gauge("last_completed_run_timestamp_seconds", "When a run last completed (_ops/latest.json).")
        if latest is not None:
            state.add_metric([], latest.state == "completed")
            seconds.add_metric([], latest.run_seconds)
            landed.add_metric([], latest.rows_landed)
            ended.add_metric([], latest.ended_at.timestamp())
            if latest.completed_at is not None:
                completed.add_metric([], latest.completed_at.timestamp())
        yield from (state, seconds, landed, ended, completed)
        yield from _standing(latest, now)


def _standing(latest: LatestRun | None, now: datetime) -> Iterator[Metric]:
    published = _gauge("published_timestamp_seconds", "When marts were last published (_ops/latest.json).")
    age = _gauge(
        "publication_age_seconds",
        "How long ago the published marts were known to hold all that was landed: the last publication, or a run since "
        "that found nothing new (_ops/latest.json).",
    )
    quarantine = _gauge(
        "quarantine_open_records",
        "Refused records that are still missing in the lake, as the newest run counted them (_ops/latest.json).",
        "stream",
    )
    blocked = _gauge(
        "horizon_blocked",
        "1 if an open transaction at the source held the stream's horizon back in the newest run (_ops/latest.json).",
        "stream",
    )
    if latest is not None:
        if latest.published_at is not None:
            published.add_metric([], latest.published_at.timestamp())
        if latest.confirmed_at is not None:
            age.add_metric([], (now - latest.confirmed_at).total_seconds())
        for stream, standing in sorted(latest.streams.items()):
            quarantine.add_metric([stream], standing.open_records)
            blocked.add_metric([stream], standing.is_blocked)
    yield from (published, age, quarantine, blocked)


def _gauge(name: str, documentation: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}{name}", documentation, labels=labels)


def _counter(name: str, documentation: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"{PREFIX}{name}", documentation, labels=labels)


def _since(figures: StreamFigures, moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else ((figures.stands_at or now) - moment).total_seconds()


def _add(family: GaugeMetricFamily, stream: str, value: float | None) -> None:
    if value is not None:
        family.add_metric([stream], value)

"""The metrics of known figures, read back by Prometheus' own parser; their names are those of the alert rules."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from orchestration.ops.latest import LatestRun, StreamStanding
from orchestration.prefect.metrics.families import PREFIX, Families
from orchestration.prefect.metrics.figures import Figures, LakeFigures, Origin, RunCounts, StreamFigures
from orchestration.settings import REPOSITORY

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ALERTS = REPOSITORY / "docs" / "alerts"
RULES = ALERTS / "platform.rules.yml"


def stream(name: str, **changes: Any) -> StreamFigures:
    known: dict[str, Any] = {
        "version": 3, "rows": 10, "refused": 1, "watermark": NOW - timedelta(hours=2),
        "read_until": NOW - timedelta(minutes=1), "allowed": timedelta(hours=1), "stands_at": None,
    }  # fmt: skip
    return StreamFigures(stream=name, **(known | changes))


def full_figures() -> Figures:
    latest = LatestRun(
        run_id="run-1",
        state="completed",
        is_idle=False,
        ended_at=NOW - timedelta(minutes=5),
        run_seconds=42.0,
        rows_landed=100,
        completed_at=NOW - timedelta(minutes=5),
        published_at=NOW - timedelta(minutes=6),
        confirmed_at=NOW - timedelta(minutes=6),
        streams={"orders": StreamStanding(is_blocked=True, open_records=2)},
    )
    streams = (
        stream("orders"),
        stream("products", watermark=None, read_until=None, allowed=None),
        stream("email_events", stands_at=NOW - timedelta(days=9), read_until=NOW - timedelta(days=9, minutes=2)),
        stream('odd "name"\n\\', version=1),
    )
    return Figures(
        runs=RunCounts({"platform": {"late": 0, "running": 1, "failed": 3}}),
        lake=LakeFigures(streams, ("campaigns",)),
        latest=latest,
        read_at={Origin.LAKE: NOW},
        is_read={Origin.LAKE: True, Origin.PREFECT: False},
    )


def shown(figures: Figures, heartbeat: Path) -> dict[tuple[str, ...], float]:
    """Return the values by name and labels' values, as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(Families(figures, heartbeat, clock=lambda: NOW))
    text = generate_latest(registry).decode()
    return {
        (sample.name.removeprefix(PREFIX), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def heartbeat(tmp_path: Path) -> Path:
    path = tmp_path / "polled"
    path.touch()
    return path


def test_what_is_known_is_shown_with_ages_as_of_the_scrape(heartbeat: Path) -> None:
    found = shown(full_figures(), heartbeat)

    assert found[("agent_polled_timestamp_seconds",)] == pytest.approx(heartbeat.stat().st_mtime, abs=0.01)
    del found[("agent_polled_timestamp_seconds",)]
    odd = 'odd "name"\n\\'
    assert {key: value for key, value in found.items() if key[-1] not in ("products", "email_events", odd)} == {
        ("collection_success", "lake"): 1,
        ("collection_success", "prefect"): 0,
        ("collection_timestamp_seconds", "lake"): NOW.timestamp(),
        ("flow_runs", "platform", "late"): 0,
        ("flow_runs", "platform", "running"): 1,
        ("flow_runs", "platform", "failed"): 3,
        ("durable_rows_total", "orders"): 10,
        ("refused_records_total", "orders"): 1,
        ("stream_version", "orders"): 3,
        ("watermark_lag_seconds", "orders"): 7200,
        ("stream_age_seconds", "orders"): 60,
        ("stream_allowed_age_seconds", "orders"): 3600,
        ("stream_damaged", "orders"): 0,
        ("stream_damaged", "campaigns"): 1,
        ("last_run_completed",): 1,
        ("last_run_seconds",): 42,
        ("last_run_landed_rows",): 100,
        ("last_run_end_timestamp_seconds",): NOW.timestamp() - 300,
        ("last_completed_run_timestamp_seconds",): NOW.timestamp() - 300,
        ("published_timestamp_seconds",): NOW.timestamp() - 360,
        ("publication_age_seconds",): 360,
        ("quarantine_open_records", "orders"): 2,
        ("horizon_blocked", "orders"): 1,
    }
    # A provider whose clock stands is as old as it is by that clock; a stream without age or limit has none.
    assert found[("stream_age_seconds", "email_events")] == 120
    assert not {key for key in found if key[-1] == "products"} & {
        (f"stream_{what}", "products") for what in ("age_seconds", "allowed_age_seconds")
    }
    assert found[("stream_version", odd)] == 1


def test_where_nothing_is_known_nothing_is_claimed(tmp_path: Path) -> None:
    assert shown(Figures(), tmp_path / "nothing") == {}


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return list(group["rules"])


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_rule_asks_for_metrics_that_are_shown_and_has_a_severity_and_a_way_out(
    rule: dict[str, Any], heartbeat: Path
) -> None:
    names = {key[0] for key in shown(full_figures(), heartbeat)}
    asked = set(re.findall(rf"{PREFIX}(\w+)", rule["expr"]))
    runbook = (REPOSITORY / "docs" / "RUNBOOK.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^#### (\w+)\n\n(\w+)\.", runbook, re.MULTILINE))

    assert asked
    assert asked <= names
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert sections[rule["alert"]].lower() == rule["labels"]["severity"]
    assert rule["annotations"].keys() == {"summary", "way_out", "runbook"}
    assert rule["annotations"]["runbook"] == f"docs/RUNBOOK.md#{rule['alert'].lower()}"


def test_each_rule_fires_on_what_its_test_says_and_none_where_all_is_well() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    tests = ALERTS / "platform.tests.yml"
    for command in (("check", "rules", RULES), ("test", "rules", tests)):
        done = subprocess.run([promtool, *map(str, command)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert {rule["alert"] for rule in rules()} == set(
        re.findall(r'alertname="(\w+)"', tests.read_text(encoding="utf-8"))
    )

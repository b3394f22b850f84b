"""Runs on a healthy day: the first one by `docker compose up`, the next ones by the API and by clicks."""

from __future__ import annotations

import re
from datetime import timedelta

from ingest.contracts.model import Source
from ingest.contracts.registry import ContractRegistry
from orchestration.runtime.names import PLATFORM_FLOW
from tests.e2e.monitor import Monitor
from tests.e2e.platform import Platform
from tests.e2e.ui import Ui
from tests.e2e.waiting import until

DEPLOYMENTS = {"full", "incremental", "backfill", "keys", "maintenance", "verify"}


def test_first_run_begins_with_the_stack_and_makes_the_marts(platform: Platform) -> None:
    [first] = until(lambda: platform.prefect.runs("full"), seconds=60, what="the first run")

    platform.prefect.ended(first.id).require_completed()
    platform.require_equal()
    [exited] = platform.stack.containers("prefect_flow")
    assert platform.stack.docker("wait", exited).strip() == "0"


def test_a_prometheus_scrapes_the_agent_and_what_the_provider_broke_fires_an_alert(
    platform: Platform, monitor: Monitor
) -> None:
    def refused() -> set[tuple[str, str]] | None:
        firing = monitor.firing()
        return firing if firing and ("QuarantineOpen", "email_events") in firing else None

    firing = until(refused, seconds=60, what="an alert of refused events")

    # The provider's clock stands days ahead here, so that its streams are old by it.
    assert {name for name, _ in firing} <= {"QuarantineOpen", "StreamTooOld"}
    metrics = platform.metrics()
    assert metrics["last_run_completed"] == metrics["collection_success lake"] == 1
    assert metrics[f"flow_runs {PLATFORM_FLOW} completed"] >= 1
    assert metrics["stream_version orders"] >= 1
    assert metrics["publication_age_seconds"] < 3600


def test_streams_run_in_several_containers(platform: Platform) -> None:
    [first] = platform.prefect.runs("full")

    handed_out = {run.name for run in platform.prefect.children(first.id)}
    assert handed_out >= {"campaigns", "email_events", "order_items", "stock_movements"}
    assert handed_out.isdisjoint({"products", "warehouses"}), "small tables are landed by the run itself"
    landed = dict(re.findall(r"(\w+): [\d,]+ rows landed on host (\w+)", platform.prefect.log(first.id)))
    assert landed.keys() == handed_out
    hosts = set(landed.values())
    assert len(hosts) > 1
    assert hosts <= set(platform.stack.host_names("ingest"))


def test_a_scheduled_run_without_news_leaves_the_warehouse_alone(platform: Platform) -> None:
    """The shop is quiet, and the provider is left out because its clock runs on. The record of the run before stays."""

    def published() -> list[tuple[object, ...]]:
        with platform.warehouse().published() as connection:
            return connection.execute("select run_id, published_at from MART._publication").fetchall()

    before = published()

    shop = [contract.stream for contract in ContractRegistry.load().values() if contract.spec.source is Source.POSTGRES]
    run = platform.prefect.ended(platform.prefect.start("incremental", streams=shop)).require_completed()

    assert run.message.startswith("nothing to do, 0 rows landed")
    assert {"load orders", "publish"}.isdisjoint(task.name for task in platform.prefect.tasks(run.id))
    assert platform.prefect.children(run.id) == [], "no worker is asked"
    assert published() == before


def test_a_run_shows_each_stream_and_each_node_with_their_logs(platform: Platform) -> None:
    run = platform.prefect.runs("full")[0]

    names = {task.name for task in platform.prefect.tasks(run.id)}

    assert {"orders", "email_events", "load orders", "reconcile"} <= names
    assert any("fct_order_lines" in name for name in names)
    assert {task.type for task in platform.prefect.tasks(run.id)} == {"COMPLETED"}
    assert {"run-summary", "run-streams", "run-dbt", "run-reconciliation"} <= set(platform.prefect.artifacts(run.id))


def test_a_run_started_by_clicks_is_seen_to_complete(platform: Platform, ui: Ui) -> None:
    platform.live_on(timedelta(hours=1))

    seen = ui.visit("run", "full", PLATFORM_FLOW, pictures="run")

    assert set(seen["deployments"]) >= DEPLOYMENTS
    assert seen["states"][-1] == "Completed"
    assert "publish" in seen["Task Runs"]
    assert "email_events" in seen["Subflow Runs"]
    assert "handed out" in seen["Logs"]
    assert "Run completed" in seen["run-summary"]
    assert "stock_movements" in seen["run-reconciliation"]
    platform.require_equal()


def test_a_page_of_another_origin_reads_and_starts_nothing(platform: Platform, ui: Ui) -> None:
    before = {run.id for run in platform.prefect.runs("full")}

    paths = "/api/admin/version,/api/block_documents/filter,/api/flow_runs/"
    read = ui.visit("foreign", "GET,POST,POST", paths, pictures="foreign")["read"]

    assert read == ["TypeError: Failed to fetch"] * 3
    assert {run.id for run in platform.prefect.runs("full")} == before


def test_backfill_is_asked_for_by_a_form(platform: Platform, ui: Ui) -> None:
    form = ui.visit("form", "backfill", PLATFORM_FLOW, pictures="backfill")["form"].lower()

    assert "from" in form
    assert "to" in form
    assert "streams" in form

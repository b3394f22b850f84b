"""A run's own records, compared with other evidence: dbt's run_results.json, the ledger, the log."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from ingest.contracts.registry import ContractRegistry
from ingest.lake import layout
from ingest.lake.log import CommitLog
from ingest.lake.objects.store import ObjectStore
from ingest.run.quarantine import Quarantine
from orchestration.ops.outbox import Outbox
from orchestration.report import RunReport
from orchestration.settings import OrchestrationSettings
from orchestration.warehouse.duckdb.query import run_query
from orchestration.warehouse.ops.rows import ROW_TYPES, RunRecord
from tests.orchestration.flow.conftest import Platform


def published(platform: Platform, sql: str) -> list[tuple[object, ...]]:
    """Query the published marts."""
    return list(run_query(platform.warehouse.published_path, sql, limit=None).rows)


def waiting(platform: Platform) -> list[str]:
    """Return the keys of the documents in the outbox."""
    return [item.key for item in ObjectStore(platform.settings.lake).list(layout.OPS_RUNS)]


def waiting_records(platform: Platform) -> list[RunRecord]:
    """Return the documents in the outbox."""
    return Outbox(ObjectStore(platform.settings.lake)).waiting()


def check_own_data(platform: Platform, report: RunReport) -> None:
    """Check that the records of a completed and published run are true."""
    run_id = report.run_id
    [row] = published(
        platform,
        "select state, is_idle, warehouse, published_at is not null, ended_at >= started_at, streams, rows_landed, "
        "dbt_nodes, dbt_failed, streams_reconciled, streams_unequal, problem, ingest_seconds > 0, load_seconds > 0, "
        f"dbt_seconds > 0, reconcile_seconds > 0, publish_seconds > 0 from ops_runs where run_id = '{run_id}'",
    )
    landed = sum(outcome.result.rows_landed for outcome in report.streams if outcome.result)
    counts = (len(report.streams), landed, len(report.nodes), 0, len(report.reconciliations), 0)
    assert row == ("completed", False, "duckdb", True, True, *counts, None, *[True] * 5)
    _check_dbt_results(platform, run_id)
    _check_streams(platform, run_id)
    _check_reconciliations(platform, report)
    _check_quarantine(platform)
    for kind in ROW_TYPES:
        keys = ", ".join(kind.key)
        assert published(platform, f"select {keys} from {kind.table} group by {keys} having count(*) > 1") == []


def _check_dbt_results(platform: Platform, run_id: str) -> None:
    results = OrchestrationSettings.load().runs_dir / run_id / "dbt" / "target" / "run_results.json"
    expected = {
        # The log has seconds as a 32-bit float.
        item["unique_id"]: (
            str(item["status"]),
            pytest.approx(float(item["execution_time"]), rel=1e-6),
            item["failures"],
        )
        for item in json.loads(results.read_text())["results"]
    }
    found = published(
        platform,
        f"select unique_id, status, execution_seconds, failures from ops_dbt_results where run_id = '{run_id}'",
    )
    assert {unique_id: tuple(rest) for unique_id, *rest in found} == expected
    assert len(found) == len(expected) > 0


def _check_streams(platform: Platform, run_id: str) -> None:
    with platform.warehouse.connect() as session:
        ledger = session.query(
            "select stream, sum(rows) filter (kind in ('data', 'snapshot', 'backfill')), max(version), "
            "sum(quarantined), sum(files) from raw._loads where run_id = ? group by stream",
            [run_id],
        )
    found = published(
        platform,
        "select stream, rows_loaded, version_loaded, rows_quarantined, files_landed, rows_landed, version_landed, "
        f"watermark, read_until, age_seconds, fresh_until from ops_run_streams where run_id = '{run_id}'",
    )
    assert sorted(map(str, (row[:5] for row in found))) == sorted(map(str, ledger))
    store = ObjectStore(platform.settings.lake)
    for stream, loaded, *_, landed, version, watermark, read_until, age, fresh_until in found:
        head = CommitLog(store, str(stream)).head()
        assert head is not None
        assert loaded == landed
        assert (version, watermark) == (head.version, _naive(head.watermark.after))
        assert read_until is not None
        assert isinstance(age, float)
        assert isinstance(fresh_until, datetime) or fresh_until is None


def _check_reconciliations(platform: Platform, report: RunReport) -> None:
    found = published(
        platform,
        "select stream, version, source_rows, refused_rows, in_flight_rows, lake_rows, raw_rows, staging_rows, "
        f"lake_history_rows, raw_history_rows, is_equal from ops_reconciliations where run_id = '{report.run_id}'",
    )
    assert sorted(map(str, found)) == sorted(
        str(
            (
                item.stream,
                item.version,
                item.source,
                item.refused,
                item.in_flight,
                item.lake,
                item.raw,
                item.staging,
                item.lake_history,
                item.raw_history,
                item.equal,
            )
        )
        for item in report.reconciliations
    )


def _check_quarantine(platform: Platform) -> None:
    """Check each stream's quarantine: what is open by the newest run with rows of it, the rest by the newest row."""
    store = ObjectStore(platform.settings.lake)
    records = {
        stream: found
        for stream, contract in ContractRegistry.load().items()
        if (found := Quarantine(store, contract).records())
    }
    rows = published(
        platform,
        "with newest as (select refused.*, rank() over (partition by stream order by ended_at desc) as recency_of_run "
        "from ops_quarantine as refused join ops_runs using (run_id) "
        "qualify row_number() over (partition by stream, version, reason order by ended_at desc) = 1) "
        "select stream, sum(records), sum(open_records), bool_and((state = 'open') = (open_records > 0)) from newest "
        "where recency_of_run = 1 or state = 'settled' group by stream order by stream",
    )
    assert rows == [
        (stream, len(found), sum(record.is_open for record in found), True) for stream, found in records.items()
    ]


def _naive(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)

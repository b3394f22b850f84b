"""Invented records of a platform's runs: runs in every state over 45 days, with landed rows, checks and counts."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

Row = dict[str, Any]

NOW = datetime(2028, 3, 14, 14, 0)  # noqa: DTZ001
STREAMS = ("orders", 'odd "name" *x*', "campaigns")
CHECKS = ("assert_something", "primary_key_fct_orders", "accepted_values_status")
REMOVED = "check_that_was_removed"
MODELS = ("fct_orders", "dim_date")
_STATES = ("completed", "completed", "completed", "failed", "interrupted", "refused", "crashed")
_SEED = 40


def invent_runs() -> dict[str, list[Row]]:
    """Return the rows, by table."""
    dice = random.Random(_SEED)
    runs = list(_runs(dice))
    return {
        "ops_runs": runs,
        "ops_run_streams": [row for run in runs for row in _streams(dice, run)],
        "ops_dbt_results": [row for run in runs for row in _results(dice, run)],
        "ops_reconciliations": [row for run in runs for row in _counts(dice, run)],
        "ops_quarantine": [row for run in runs for row in _refused(dice, run)],
        "ops_schema_changes": [row for run in runs for row in _changes(dice, run)],
        "ops_freshness": list(_freshness(runs[-1])),
    }


def _runs(dice: random.Random) -> Iterator[Row]:
    for number in range(90):
        started = NOW - timedelta(hours=12 * (90 - number), minutes=dice.randrange(60))
        state = "completed" if number == 89 else dice.choice(_STATES)
        idle = state == "completed" and number < 89 and dice.random() < 0.2
        reached = {"refused": 0, "crashed": 1, "interrupted": 2}.get(state, 6)
        steps = ("ingest", "wait", "load", "dbt", "reconcile", "publish")[: 1 if idle else reached]
        seconds = {f"{step}_seconds": round(dice.uniform(1, 90), 3) for step in steps}
        done = state == "completed" and not idle
        yield {
            "run_id": f"run-{number:03}", "run_name": f"amber-fox-{number}", "state": state, "is_idle": idle,
            "warehouse": "duckdb", "parameters": "{}", "started_at": started,
            "ended_at": started + timedelta(seconds=sum(seconds.values())), "run_seconds": sum(seconds.values()),
            **{f"{step}_seconds": seconds.get(f"{step}_seconds")
               for step in ("ingest", "wait", "load", "dbt", "reconcile", "publish")},
            "full_refresh": False, "published_at": started + timedelta(minutes=5) if done else None,
            "streams": len(STREAMS), "streams_failed": int(state == "failed"),
            "rows_landed": dice.randrange(1000) if reached > 1 and not idle else 0, "rows_quarantined": 1,
            "rows_loaded": dice.randrange(1000) if done else 0, "dbt_nodes": 5, "dbt_failed": int(state == "failed"),
            "dbt_warned": 1, "streams_reconciled": 3, "streams_unequal": 0,
            "problem": 'it broke: "x" <b>*y*</b>' if state == "failed" else None,
        }  # fmt: skip


def _builds(run: Row) -> bool:
    return run["dbt_seconds"] is not None


def _streams(dice: random.Random, run: Row) -> Iterator[Row]:
    for stream in STREAMS if run["ingest_seconds"] is not None else ():
        failed = run["state"] == "failed" and stream == "orders"
        yield {
            "run_id": run["run_id"], "stream": stream, "state": "failed" if failed else "landed",
            "rows_landed": None if failed else dice.randrange(100), "rows_quarantined": 0, "rows_loaded": None,
            "files_landed": 1, "bytes_landed": 10, "version_landed": 3, "version_loaded": 3,
            "watermark": run["started_at"], "read_until": run["started_at"], "watermark_lag_seconds": 2.5,
            "blocker": None, "ingest_seconds": 1.5, "load_seconds": None, "allowed_age_seconds": 3600.0,
            "age_seconds": 2.0, "fresh_until": run["started_at"] + timedelta(hours=1),
            "problem": "no access" if failed else None,
        }  # fmt: skip


def _results(dice: random.Random, run: Row) -> Iterator[Row]:
    """Yield results of checks. Every second run builds and checks a part; one check was removed from the project."""
    checks = [*CHECKS, *([REMOVED] if run["started_at"] < NOW - timedelta(days=4) else [])]
    if int(run["run_id"][-3:]) % 2:
        checks = dice.sample(checks, 2)
    nodes = [(name, "test") for name in checks] + [(name, "model") for name in MODELS]
    for node, kind in nodes if _builds(run) else ():
        failed = run["state"] == "failed" and node == CHECKS[0]
        status = "fail" if failed else "success" if kind == "model" else dice.choice(["pass", "warn", "skipped"])
        yield {
            "run_id": run["run_id"], "unique_id": f"{kind}.shop.{node}", "node": node, "resource_type": kind,
            "materialized": "table" if kind == "model" else "test", "status": status,
            "row_count": 7 if kind == "model" else None, "execution_seconds": round(dice.uniform(0, 9), 3),
            "started_at": run["started_at"], "ended_at": run["ended_at"],
            "failures": dice.randrange(1, 50) if status in ("warn", "fail") else 0 if status == "pass" else None,
            "message": "Got 3 results" if failed else None, "description": f"Promise: {node}, *always*.",
            "relation": None, "compiled_path": f"/target/{node}.sql" if status in ("warn", "fail") else None,
        }  # fmt: skip


def _counts(dice: random.Random, run: Row) -> Iterator[Row]:
    for stream in STREAMS if run["reconcile_seconds"] is not None else ():
        equal = dice.random() < 0.8
        yield {
            "run_id": run["run_id"], "stream": stream, "version": 3, "source_rows": 10 if equal else None,
            "refused_rows": 0, "in_flight_rows": 0, "lake_rows": 10, "raw_rows": 10 if equal else 9,
            "staging_rows": None, "lake_history_rows": 12, "raw_history_rows": 12, "is_equal": equal,
            "is_compared": equal, "note": None if equal else "RAW has 1 less",
        }  # fmt: skip


def _refused(dice: random.Random, run: Row) -> Iterator[Row]:
    for stream in STREAMS[:2] if run["load_seconds"] is not None else ():
        for version in range(dice.randrange(3)):
            open_records = dice.randrange(3)
            yield {
                "run_id": run["run_id"], "stream": stream, "version": version, "reason": "amount: <not> a *number*",
                "records": 3, "open_records": open_records, "state": "open" if open_records else "settled",
            }  # fmt: skip


def _changes(dice: random.Random, run: Row) -> Iterator[Row]:
    if run["ingest_seconds"] is not None and dice.random() < 0.3:
        yield {
            "run_id": run["run_id"], "stream": dice.choice(STREAMS), "subject": "column 'x'", "kind": "column_added",
            "column_name": "x", "expected": None, "found": "text", "severity": "warning", "remark": "flows through",
            "accept_command": "ingest contracts accept orders", "is_new": True,
        }  # fmt: skip


def _freshness(run: Row) -> Sequence[Row]:
    late, early = NOW - timedelta(hours=2), NOW + timedelta(hours=2)
    moments = {("stream", "orders"): early, ("stream", "campaigns"): late, ("mart", "fct_orders"): late,
               ("mart", "dim_date"): None}  # fmt: skip
    return [
        {"subject_type": kind, "subject": subject, "run_id": run["run_id"],
         "read_until": moment and moment - timedelta(hours=6), "allowed_age_seconds": moment and 21600.0,
         "fresh_until": moment, "limiting_stream": "campaigns"}
        for (kind, subject), moment in moments.items()
    ]  # fmt: skip

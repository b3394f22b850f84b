"""MetricFlow's answers to many questions, by one process in its own environment: `.venv-metricflow`.

    <environment>/bin/python tests/analytics/mf_answers.py < questions.json > answers.json

A question is what `mf query` takes: metrics, group_by, where. An answer has columns and rows, and the SQL that
MetricFlow wrote. dbt's own variables name the target; DBT_TARGET_PATH is where the semantic manifest is written.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import redirect_stdout
from datetime import datetime
from pathlib import Path
from typing import Any

DBT = Path(__file__).parents[2] / "dbt"


def engine() -> Any:
    """Return MetricFlow's engine, as `mf query` uses it. Raises RuntimeError if the project cannot be parsed."""
    from dbt.adapters.factory import get_adapter_by_type
    from dbt.cli.main import dbtRunner
    from dbt_metricflow.cli.dbt_connectors.adapter_backed_client import AdapterBackedSqlClient
    from dbt_metricflow.cli.dbt_connectors.dbt_config_accessor import dbtProjectMetadata
    from metricflow.engine.metricflow_engine import MetricFlowEngine
    from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
    from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

    parsed = dbtRunner().invoke(
        ["--warn-error", "--quiet", "parse", "--project-dir", str(DBT), "--profiles-dir", str(DBT)]
    )
    if not parsed.success:
        raise RuntimeError(f"dbt cannot parse its project: {parsed.exception}")
    project = dbtProjectMetadata.load_from_paths(profiles_path=DBT, project_path=DBT)
    manifest = Path(os.environ["DBT_TARGET_PATH"]) / "semantic_manifest.json"
    return MetricFlowEngine(
        SemanticManifestLookup(parse_manifest_from_dbt_generated_manifest(manifest.read_text(encoding="utf-8"))),
        AdapterBackedSqlClient(get_adapter_by_type(project.profile.credentials.type)),
    )


def answer(metricflow: Any, question: dict[str, Any]) -> dict[str, Any]:
    """Return columns in MetricFlow's order, and rows, with numbers as floats and days as ISO text."""
    from metricflow.engine.metricflow_engine import MetricFlowQueryRequest

    result = metricflow.query(
        MetricFlowQueryRequest.create(
            metric_names=question["metrics"],
            group_by_names=question["group_by"],
            where_constraints=question["where"],
        )
    )
    table = result.result_df
    rows = [[_plain(value) for value in row] for row in table.rows]
    return {"columns": [column.lower() for column in table.column_names], "rows": rows, "sql": result.sql}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    return value.date().isoformat() if isinstance(value, datetime) else float(value)


def main() -> None:
    questions = json.load(sys.stdin)
    # What dbt prints is none of the answers.
    with redirect_stdout(sys.stderr):
        metricflow = engine()
        answers = [answer(metricflow, question) for question in questions]
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()

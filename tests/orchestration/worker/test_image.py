"""The worker's image has only ingest, the worker and Prefect's client, so the worker must need no more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
import orchestration.worker.__main__, orchestration.runtime.agent, orchestration.worker.stream_flow
print("\\n".join(sys.modules))
"""


def test_the_worker_imports_the_runtime_alone_and_neither_warehouse_nor_dbt() -> None:
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    )
    modules = set(answer.stdout.split())

    assert "orchestration.worker.stream_flow" in modules
    for foreign in ("duckdb", "dbt", "snowflake", "mock_saas", "postgres"):
        assert foreign not in modules
    ours = {name for name in modules if name.startswith("orchestration.")}
    assert {name.split(".")[1] for name in ours} == {"runtime", "worker"}


def test_its_dockerfile_copies_no_more_than_that() -> None:
    lines = (ROOT / "Dockerfile.ingest").read_text().splitlines()
    copied = [line.split()[-2] for line in lines if line.startswith("COPY") and "--from" not in line]

    assert not {"orchestration", "orchestration/", "dbt", "dbt/", "."} & set(copied), copied

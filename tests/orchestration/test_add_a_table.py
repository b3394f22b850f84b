"""The runbook's task "Add a table", followed literally: its commands and its model, in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from ingest.settings import LakeSettings
from orchestration.settings import Schemas
from orchestration.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.dbt.running.project import REPOSITORY

DATABASE = "DP_MAILBLAZE_DEMO_DEV_DB"
INVOICES = """
create table invoices ("order" int, "Line No" smallint, "we""ird" text not null, "{% endmacro %}" numeric(6,3),
  is_paid boolean, issued timestamptz, primary key ("order", "Line No"));
comment on table invoices is 'What is {{ owed }}, {% and %} {# by whom';
comment on column invoices."we""ird" is '{{ env_var("HOME") }}';
insert into invoices select g, g % 3, 'text ' || g, g / 8.0, g % 2 = 0, now() from generate_series(1, 20) g;
"""


@dataclass(frozen=True)
class Page:
    """The code blocks of the runbook's task, in order: language and text."""

    blocks: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls) -> Page:
        text = (REPOSITORY / "docs" / "RUNBOOK.md").read_text(encoding="utf-8")
        section = text.partition("**Add a table.**")[2].partition("\n**")[0]
        return cls(tuple(re.findall(r"^```(\w*)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the files that the task changes, and of the files that depend on them."""
    for name in ("ingest", "orchestration", "dbt"):
        shutil.copytree(
            REPOSITORY / name, tmp_path / name, ignore=shutil.ignore_patterns("target", "logs", "__pycache__")
        )
    return tmp_path


def follow(page: Page, copy: Path, environment: dict[str, str]) -> None:
    for language, text in page.blocks:
        if language == "sql":
            (copy / "dbt" / "models" / "staging" / "stg_invoices.sql").write_text(text, encoding="utf-8")
            continue
        done = subprocess.run(
            ["bash", "-euc", text], cwd=copy, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("changed", ["", "touched", "without a key"])
def test_the_runbook_s_way_to_add_a_table_shows_it_in_staging(
    copy: Path, empty_database: str, lake_settings: LakeSettings, changed: str
) -> None:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(copy),
        "POSTGRES_DSN": empty_database,
        "RAW_BUCKET": lake_settings.bucket,
        "AWS_ENDPOINT_URL": lake_settings.endpoint_url or "",
        "HORIZON_MARGIN_SECONDS": "0",
        "WAREHOUSE_DIR": str(copy / "warehouse"),
        "DUCKDB_PATH": str(copy / "warehouse" / f"{DATABASE}.duckdb"),
        "DBT_PROJECT_DIR": str(copy / "dbt"),
        "DBT_PROFILES_DIR": str(copy / "dbt"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    with closing(psycopg2.connect(empty_database)) as connection, connection.cursor() as cursor:
        cursor.execute(INVOICES)
        if changed:
            cursor.execute(CHANGES[changed])
        connection.commit()
        follow(Page.read(), copy, environment)
        cursor.execute('select * from invoices order by "order"')
        source: list[tuple[Any, ...]] = cursor.fetchall()
        names = [column.name for column in cursor.description or ()]
    with DuckDBWarehouse(copy / "warehouse", DATABASE, lake_settings).connect() as session:
        shown = session.query(f'select * from {Schemas().staging}.stg_invoices order by "order"')
        described = session.query(f"describe {Schemas().staging}.stg_invoices")
    assert [row[0] for row in described] == [*names, "_extracted_at", "_log_version"]
    # Instants are UTC without a zone in staging.
    assert [row[: len(names)] for row in shown] == [
        tuple(value.replace(tzinfo=None) if hasattr(value, "tzinfo") else value for value in row) for row in source
    ]


CHANGES = {
    "touched": """
alter table invoices add updated_at timestamptz not null default now();
create function touch() returns trigger language plpgsql as $$begin new.updated_at := now(); return new; end$$;
create trigger touch before update on invoices for each row execute function touch();
""",
    # Equal rows: each of them is there.
    "without a key": """
alter table invoices drop constraint invoices_pkey;
insert into invoices select * from invoices where "order" < 5;
""",
}

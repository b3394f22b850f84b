"""The same models for Snowflake, as far as they can be judged without one: they parse, and their SQL does.

Dialect differences stand in macros behind adapter.dispatch. Compiling an incremental model asks the warehouse whether
its table exists; a copy of the project answers for it, both ways.
"""

from __future__ import annotations

import logging
import re
import shutil
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from tests.dbt.project import PROJECT, Dbt

OFFLINE = "{% macro is_incremental() %}{{ return(var('incremental')) }}{% endmacro %}"


@pytest.mark.parametrize("incremental", [False, True])
def test_compiles_to_what_snowflake_understands(
    tmp_path: Path, incremental: bool, caplog: pytest.LogCaptureFixture
) -> None:
    project = tmp_path / "project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs", "dbt_packages"))
    (project / "macros" / "offline.sql").write_text(OFFLINE)
    mode = f"{{incremental: {str(incremental).lower()}}}"

    # No SNOWFLAKE_ variable is set, and nothing is connected to.
    result = Dbt(tmp_path, project=project).succeed(
        "compile", "--target", "snowflake", "--vars", mode, "--no-populate-cache", "--no-introspect"
    )

    assert "Invalid profile" not in result.output
    files = sorted((tmp_path / "target" / "compiled").rglob("*.sql"))
    assert len(files) > 80
    caplog.set_level(logging.CRITICAL, logger="sqlglot")
    assert {path.stem: problem for path in files if (problem := _problem(path.read_text()))} == {}


def test_models_know_no_dialect() -> None:
    dialect = re.compile(r"target\.type|adapter\.dispatch|adapter\.type|duckdb__|snowflake__")
    for path in [*(PROJECT / "models").rglob("*.sql"), *(PROJECT / "tests").rglob("*.sql")]:
        assert not dialect.search(path.read_text()), path


def _problem(sql: str) -> str | None:
    """Why a statement is not Snowflake's; functions that sqlglot does not know there count as not Snowflake's."""
    try:
        statements = sqlglot.parse(sql, read="snowflake", error_level=sqlglot.ErrorLevel.RAISE)
    except sqlglot.ParseError as error:
        return str(error).splitlines()[0]
    for statement in statements:
        if statement is None or isinstance(statement, exp.Command):
            return "not understood"
        if unknown := sorted({call.name for call in statement.find_all(exp.Anonymous)}):
            return f"unknown functions: {', '.join(unknown)}"
    return None

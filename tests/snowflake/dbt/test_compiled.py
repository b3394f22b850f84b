"""The same models compiled for Snowflake, without an account: they parse, and so does their SQL.

Dialect differences stand in macros behind adapter.dispatch. Compiling an incremental model asks the warehouse whether
its table exists; a copy of the project answers for it, both ways.
"""

from __future__ import annotations

import logging
import shutil

import pytest

from tests.dbt.running.parsed import ANY_DATABASE, PROJECT
from tests.dbt.running.project import Dbt
from tests.snowflake.dbt.snowflake_grammar import SQLFLUFF_PYTHON, refused_by_sqlfluff, refused_by_sqlglot

OFFLINE = "{% macro is_incremental() %}{{ return(not flags.FULL_REFRESH) }}{% endmacro %}"
MODES = {"first": ("--full-refresh",), "later": ()}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The SQL of every node by its name, for the first run and for a later one."""
    work = tmp_path_factory.mktemp("compiled")
    project = work / "project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs", "dbt_packages"))
    (project / "macros" / "offline.sql").write_text(OFFLINE)
    found = {}
    for mode, options in MODES.items():
        # No account is set, and nothing is connected to. What is parsed holds for both.
        dbt = Dbt(work, project=project, variables={"DBT_TARGET": "snowflake", "SNOWFLAKE_DATABASE": ANY_DATABASE})
        result = dbt.succeed("compile", "--no-populate-cache", "--no-introspect", *options)
        assert "Invalid profile" not in result.output
        files = sorted((work / "target" / "compiled").rglob("*.sql"))
        assert len(files) > 80
        found.update({f"{path.stem}, {mode}": path.read_text() for path in files})
    differ = {path.stem for path in files if found[f"{path.stem}, first"] != found[f"{path.stem}, later"]}
    assert len(differ) > 10, "incremental models ask whether their table is there"
    return found


def test_compiles_to_what_snowflake_understands(compiled: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="sqlglot")
    reasons = {name: refused_by_sqlglot(sql, commands=False) for name, sql in compiled.items()}
    assert {name: reason for name, reason in reasons.items() if reason} == {}


@pytest.mark.skipif(not SQLFLUFF_PYTHON.exists(), reason="there is no .venv-sqlfluff (requirements/sqlfluff.txt)")
def test_compiles_to_what_sqlfluff_understands(compiled: dict[str, str]) -> None:
    assert refused_by_sqlfluff(compiled.values()) == {}

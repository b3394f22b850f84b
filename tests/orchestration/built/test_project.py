"""The fingerprint of the project and of what it reads, and the business's day."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ingest.contracts.registry import PACKAGED
from orchestration.built.project import business_days, fingerprint
from orchestration.settings import REPOSITORY, OrchestrationSettings


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project and of the contracts, which the settings name."""
    shutil.copytree(REPOSITORY / "dbt", tmp_path / "dbt", ignore=shutil.ignore_patterns("target", "logs"))
    shutil.copytree(PACKAGED, tmp_path / "contracts")
    for name in ("DBT_PROJECT_DIR", "DBT_PROFILES_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "dbt"))
    monkeypatch.setenv("CONTRACTS_DIR", str(tmp_path / "contracts"))
    monkeypatch.setenv("ENVIRONMENT", "dev")
    return tmp_path / "dbt"


def now() -> str:
    return fingerprint(OrchestrationSettings.load())


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def test_it_changes_with_whatever_decides_what_the_marts_hold(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [now()]
    assert now() == seen[0]
    for name in ("models/marts/facts/fct_orders.sql", "macros/calendar.sql", "snapshots/snapshots.yml", "profiles.yml"):
        append(project / name, "\n")
        seen.append(now())
    append(project / "dbt_project.yml", "  another_var: 1\n")
    seen.append(now())
    (project / "seeds").mkdir()
    (project / "seeds" / "rates.csv").write_text("a,b\n")
    seen.append(now())
    append(project.parent / "contracts" / "orders.odcs.yaml", "\n")
    seen.append(now())
    for name, value in (("EMAIL_SALT", "another"), ("MART_SCHEMA", "ELSEWHERE"), ("DBT_TARGET", "snowflake")):
        monkeypatch.setenv(name, value)
        seen.append(now())
    assert len(set(seen)) == len(seen)


def test_it_changes_with_a_variable_that_the_project_reads_and_no_other(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATE", "1")
    before = now()
    monkeypatch.setenv("RATE", "2")
    assert now() == before
    append(project / "models" / "marts" / "facts" / "fct_orders.sql", '-- {{ env_var("RATE") }}')
    reading = now()
    monkeypatch.setenv("RATE", "3")
    assert now() != reading


def test_it_stays_with_what_differs_from_run_to_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = now()
    monkeypatch.setenv("BUSINESS_NOW", "2031-01-01T00:00:00Z")
    monkeypatch.setenv("FULL_TESTS", "false")
    for folder in ("target", "logs"):
        (project / folder).mkdir()
        (project / folder / "manifest.json").write_text("{}")
    (project / ".user.yml").write_text("id: 1\n")
    assert now() == before


def test_the_salt_does_not_show(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMAIL_SALT", "a-very-secret-salt")
    assert "salt" not in now()
    assert len(now()) == 64


def test_the_day_is_that_of_the_business_in_utc_and_where_the_shop_is(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    assert business_days(OrchestrationSettings.load(), clock) == (date(2026, 7, 1), date(2026, 7, 2))
    monkeypatch.setenv("BUSINESS_NOW", "2028-02-29T12:00:00Z")
    assert business_days(OrchestrationSettings.load(), clock) == (date(2028, 2, 29), date(2028, 2, 29))
    (project / "dbt_project.yml").write_text("name: without\n")
    monkeypatch.setenv("BUSINESS_NOW", "2028-02-29T23:30:00Z")
    assert business_days(OrchestrationSettings.load(), clock) == (date(2028, 2, 29), date(2028, 2, 29))

"""Messages about settings name the wrong variable, never its value."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.errors import ConfigurationError
from orchestration.settings import OrchestrationSettings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignore the user's `.env` file."""
    monkeypatch.chdir(tmp_path)


def test_the_defaults(tmp_path: Path) -> None:
    settings = OrchestrationSettings.load()
    assert settings.warehouse_dir == tmp_path / ".local" / "warehouse"
    assert settings.database == "DP_MAILBLAZE_DEMO_DEV_DB"
    assert settings.schemas.model_dump() == {
        "raw": "RAW",
        "staging": "STAGING",
        "intermediate": "INTERMEDIATE",
        "mart": "MART",
        "snapshots": "SNAPSHOTS",
    }
    assert settings.target == "duckdb"
    assert (settings.dbt_project_dir / "dbt_project.yml").exists()
    assert "dev-only-salt" not in repr(settings)


def test_empty_variables_mean_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBT_TARGET", "")
    monkeypatch.setenv("DUCKDB_MEMORY_LIMIT", "")
    settings = OrchestrationSettings.load()
    assert settings.target == "duckdb"
    assert settings.duckdb_memory_limit is None


def test_outside_dev_the_salt_must_be_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "prod")
    monkeypatch.setenv("EMAIL_SALT", "dev-only-salt")
    with pytest.raises(ConfigurationError, match="EMAIL_SALT is the demo's placeholder: ENVIRONMENT=prod needs a"):
        OrchestrationSettings.load()
    monkeypatch.setenv("EMAIL_SALT", "")
    with pytest.raises(ConfigurationError, match="EMAIL_SALT is not set: ENVIRONMENT=prod needs a secret one"):
        OrchestrationSettings.load().require_salt()
    monkeypatch.setenv("EMAIL_SALT", "a-secret-of-prod")
    assert OrchestrationSettings.load().require_salt() == "a-secret-of-prod"


@pytest.mark.parametrize(
    ("variable", "value"),
    [("WAREHOUSE", "oracle"), ("DBT_THREADS", "none"), ("WAREHOUSE_LOCK_SECONDS", "-1"), ("TASK_RETRIES", "x")],
)
def test_a_bad_value_is_told_by_its_variable(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=f"bad settings: {variable}: "):
        OrchestrationSettings.load()

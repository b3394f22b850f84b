"""The demo's secrets are refused outside dev: by every program, for every variable, wherever the value comes from."""

from __future__ import annotations

import importlib.util
import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from common.environment import CONNECTION_STRINGS, PLACEHOLDERS, SECRETS, PlaceholderError, is_dev, refuse_placeholders

REPOSITORY = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))
NOT_DEV = ("", "prod", "production", "DEV", "dev ", "test")


@pytest.mark.parametrize("environment", [*NOT_DEV, None])
@pytest.mark.parametrize("placeholder", sorted(PLACEHOLDERS))
def test_no_variable_may_hold_a_placeholder_outside_dev(environment: str | None, placeholder: str) -> None:
    values = {
        **dict.fromkeys(SECRETS, placeholder),
        **dict.fromkeys(CONNECTION_STRINGS, f"postgresql+asyncpg://x:{placeholder}@h/db"),
        "SERVER_AUTH_STRING": f"admin:{placeholder}",
    }
    for name, value in values.items():
        with pytest.raises(PlaceholderError, match=name) as refusal:
            refuse_placeholders(environment, {name: value})
        assert f": {placeholder}" not in str(refusal.value)
        refuse_placeholders("dev", {name: value})
    assert not is_dev(environment)


@pytest.mark.parametrize("dsn", ["host=h user=ingest password=ingest", "postgresql://h/db?user=shop&password=shop"])
def test_a_placeholder_is_found_in_every_form_of_a_connection_string(dsn: str) -> None:
    with pytest.raises(PlaceholderError, match="password in POSTGRES_DSN"):
        refuse_placeholders("prod", {"POSTGRES_DSN": dsn})


def test_every_default_of_a_secret_is_a_known_placeholder() -> None:
    """The defaults are those of compose and `.env.example`."""
    text = (REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8")
    defaults = re.findall(r"\$\{(\w+):-([^}$]+)\}", text)
    lines = (REPOSITORY / ".env.example").read_text(encoding="utf-8").splitlines()
    defaults += [tuple(line.split("=", 1)) for line in lines if line and not line.startswith("#")]
    secret = re.compile(r"PASSWORD|SECRET|_KEY$|SALT|TOKEN|ACCESS_KEY_ID")
    found = {(name, value) for name, value in defaults if value and secret.search(name)}

    assert {"POSTGRES_PASSWORD", "SAAS_API_KEY", "EMAIL_SALT", "AWS_SECRET_ACCESS_KEY"} <= {name for name, _ in found}
    assert {value for _, value in found} <= PLACEHOLDERS


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_every_service_with_a_secret_knows_its_environment_and_an_empty_one_stays_empty(name: str) -> None:
    environment = COMPOSE["services"][name]["environment"]
    given = (value for variable, value in environment.items() if variable in {*SECRETS, *CONNECTION_STRINGS})
    if any(re.search(r":-[^}]", str(value)) for value in given):
        assert environment["ENVIRONMENT"] == "${ENVIRONMENT-dev}"


PROGRAMS: dict[str, tuple[list[str], dict[str, str]]] = {
    "ingest, by DSN": (["-m", "ingest", "streams"], {"POSTGRES_DSN": "postgresql://ingest:ingest@127.0.0.1:1/x"}),
    "ingest, by PGPASSWORD": (
        ["-m", "ingest", "streams"],
        {"POSTGRES_DSN": "postgresql://ingest@127.0.0.1:1/x", "PGPASSWORD": "ingest"},
    ),
    "ingest, its API key": (["-m", "ingest", "streams"], {"SAAS_API_KEY": "dev-api-key"}),
    "ingest, its keys of the lake": (
        ["-m", "ingest", "streams"],
        {"AWS_ACCESS_KEY_ID": "dev", "AWS_SECRET_ACCESS_KEY": "dev"},
    ),
    "the worker": (["-m", "orchestration.worker"], {"SAAS_API_KEY": "dev-api-key"}),
    "the agent": (["-m", "orchestration.prefect.operate.agent"], {"EMAIL_SALT": "dev-only-salt"}),
    "the warehouse": (["-m", "orchestration.warehouse", "status"], {"EMAIL_SALT": "dev-only-salt"}),
    "activity": (["-m", "postgres.activity"], {"POSTGRES_DSN": "postgresql://shop:shop@127.0.0.1:1/shop"}),
    "seed": (["-m", "postgres.seed"], {"POSTGRES_DSN": "host=127.0.0.1 port=1 user=shop", "PGPASSWORD": "shop"}),
    "setup": (
        ["-m", "postgres.setup"],
        {
            "POSTGRES_ADMIN_DSN": "postgresql://postgres:postgres@127.0.0.1:1/postgres",
            "SHOP_OWNER_PASSWORD": "of-mine",
            "SHOP_INGEST_PASSWORD": "of-mine-too",
        },
    ),
    "mock_saas": (["-m", "mock_saas"], {"API_KEY": "of-mine", "ADMIN_KEY": "dev-admin-key"}),
    "the postgres container": (["-m", "common.environment"], {"POSTGRES_PASSWORD": "postgres"}),
}


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_every_program_refuses_the_demo_s_secrets_where_the_environment_is_empty(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (_, module, *arguments), given = PROGRAMS[program]
    monkeypatch.chdir(tmp_path)
    for name in (*SECRETS, *CONNECTION_STRINGS):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"ENVIRONMENT": "", **given}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    spec = importlib.util.find_spec(module)
    main = f"{module}.__main__" if spec and spec.submodule_search_locations else module
    monkeypatch.delitem(sys.modules, main, raising=False)
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(main, run_name="__main__")

    told = capsys.readouterr().err
    assert ended.value.code == 2, told
    assert "is the demo's placeholder: ENVIRONMENT=production" in told
    assert any(name in told for name in given)


def test_prefects_server_refuses_a_placeholder(monkeypatch: pytest.MonkeyPatch) -> None:
    from ingest.errors import ConfigurationError

    settings = importlib.import_module("orchestration.prefect.operate.own_origin").ServerSettings
    monkeypatch.setenv("ENVIRONMENT", "")
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", "postgresql+asyncpg://prefect:postgres@db/prefect")

    with pytest.raises(ConfigurationError, match="PREFECT_API_DATABASE_CONNECTION_URL"):
        settings.load()

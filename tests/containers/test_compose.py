"""The compose files and the Dockerfiles: the rules that each container must follow."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ALWAYS = {"postgres", "mock_saas", "lake", "prefect_server", "ingest", "prefect_agent", "prefect_flow", "analytics"}
ON_REQUEST = {"activity": ["alive"], "query": ["tools"]}
DEFAULTS = dict(
    line.split("=", 1)
    for line in (REPOSITORY / ".env.example").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
)
"""What .env.example shows, which another test holds to the programs' defaults."""
DOCKERFILES = (
    "analytics/Dockerfile",
    "Dockerfile.ingest",
    "Dockerfile.prefect",
    "lake/Dockerfile",
    "mock_saas/Dockerfile",
    "postgres/Dockerfile",
)


def test_the_services_are_those_of_the_documents() -> None:
    assert set(SERVICES) == ALWAYS | set(ON_REQUEST)
    assert {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service} == ON_REQUEST


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert "network_mode" not in service
    if name == "postgres":
        # Its entrypoint begins as root, and its init stays so; the server is its own user's.
        assert set(service["cap_add"]) == {"CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"}
    else:
        assert "cap_add" not in service
        assert service["user"] == "10001:10001"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_is_bounded_and_stops_soon(name: str) -> None:
    service = SERVICES[name]
    assert service["init"] is True
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
    assert int(service["stop_grace_period"].removesuffix("s")) < 15
    assert all("size=" in mount for mount in service["tmpfs"])


@pytest.mark.parametrize("name", sorted(ALWAYS - {"prefect_flow"}))
def test_a_service_that_stays_up_shows_its_health_without_curl_and_comes_back(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    assert not {"curl", "wget"} & set(service["healthcheck"]["test"])


@pytest.mark.parametrize("name", ["prefect_flow", "query"])
def test_a_service_that_ends_is_not_started_again(name: str) -> None:
    assert SERVICES[name]["restart"] == "no"


@pytest.mark.parametrize("name", ["ingest", "prefect_agent", "prefect_flow"])
def test_a_service_that_needs_others_waits_for_their_health(name: str) -> None:
    needs = SERVICES[name]["depends_on"]
    assert set(needs) == {"postgres", "mock_saas", "lake", "prefect_server"}
    assert {need["condition"] for need in needs.values()} == {"service_healthy"}


def test_a_service_is_on_the_networks_that_it_needs_and_on_no_other() -> None:
    on = {name: set(service["networks"]) for name, service in SERVICES.items()}
    assert set(COMPOSE["networks"]) == {"sources", "data", "control", "readers"}
    assert on.pop("ingest") == on.pop("prefect_agent") == {"sources", "data", "control"}
    assert on == {
        "postgres": {"sources"},
        "activity": {"sources"},
        "mock_saas": {"sources"},
        "lake": {"data"},
        "prefect_server": {"control"},
        "prefect_flow": {"control"},
        "query": {"readers"},
        "analytics": {"readers"},
    }


def test_every_port_is_published_on_loopback_and_by_a_variable() -> None:
    published = {name: port for name, service in SERVICES.items() for port in service.get("ports", [])}
    assert set(published) == {"postgres", "mock_saas", "lake", "prefect_server", "prefect_agent", "analytics"}
    for port in published.values():
        assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z]+_PORT:-(\d+)\}:\1", port), port


def test_every_image_of_ours_has_the_same_tag() -> None:
    for service in SERVICES.values():
        assert re.fullmatch(r"dp-mailblaze-demo/[a-z_]+:\$\{IMAGE_TAG:-dev\}", service["image"])
        # A registry has none of them, or a stranger's.
        assert service["pull_policy"] == "never"


def test_the_root_password_reaches_the_database_alone() -> None:
    assert [name for name, service in SERVICES.items() if "POSTGRES_PASSWORD" in str(service)] == ["postgres"]


def test_no_variable_without_a_default_is_needed() -> None:
    for path in REPOSITORY.glob("docker-compose*.yml"):
        for expression in re.findall(r"\$\{([^}]+)\}", path.read_text(encoding="utf-8")):
            # An empty ENVIRONMENT is not the default: it is production.
            assert ":-" in expression or ":+" in expression or expression == "ENVIRONMENT-dev", (
                f"{path.name}: {expression}"
            )


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_is_labelled_locked_and_not_root_s(name: str) -> None:
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    for label in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{label}=" in text
    assert "--require-hashes" in text
    if name != "postgres/Dockerfile":
        assert re.findall(r"^USER (.+)$", text, re.MULTILINE) == ["10001:10001"]
    assert ":latest" not in text


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_takes_its_packages_before_its_code(name: str) -> None:
    last_stage = (REPOSITORY / name).read_text(encoding="utf-8").split("\nFROM ")[-1]
    copied = re.findall(r"^COPY (?:--from=\w+ )?(\S+)", last_stage, re.MULTILINE)
    assert copied[0] == "/opt/venv"
    assert not any(path.startswith("requirements") for path in copied)


def test_what_is_not_named_stays_out_of_the_build_context() -> None:
    lines = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert next(line for line in lines if not line.startswith("#")) == "*"
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == {
        "analytics",
        "common",
        "dbt",
        "ingest",
        "lake",
        "mock_saas",
        "orchestration",
        "postgres",
        "requirements",
    }


def has_compose() -> bool:
    """Return whether `docker compose` exists. It needs no engine to render a file."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0


COMPOSED = pytest.mark.skipif(not has_compose(), reason="docker compose renders the file")


@COMPOSED
def test_a_copied_env_example_changes_nothing(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    nothing.touch()
    assert rendered(REPOSITORY / ".env.example") == rendered(nothing)


@COMPOSED
def test_the_sources_that_env_names_are_those_of_the_containers(tmp_path: Path) -> None:
    """As SECURITY.md and RUNBOOK.md instruct a fork."""
    own = {
        "POSTGRES_DSN": "postgresql://reader:a@db.example:5433/shop?sslmode=verify-full&sslrootcert=system",
        "SAAS_BASE_URL": "https://mail.example/api",
    }
    env_file = tmp_path / "own"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in own.items()))
    both = rendered(env_file, "docker-compose.yml", "docker-compose.sources.yml")

    assert not {"postgres", "mock_saas"} & set(both)
    for services in (both, rendered(env_file)):
        for name in ("ingest", "prefect_agent"):
            assert own.items() <= services[name]["environment"].items(), name


@COMPOSED
def test_a_password_of_ones_own_reaches_the_login_of_the_stand_in(tmp_path: Path) -> None:
    env_file = tmp_path / "own"
    env_file.write_text("SHOP_INGEST_PASSWORD=another\n")

    for name in ("ingest", "prefect_agent"):
        environment = rendered(env_file)[name]["environment"]
        assert environment["POSTGRES_DSN"] == "postgresql://ingest:another@postgres:5432/shop"


SECRETS = {
    "EMAIL_SALT": "the-salt",
    "SAAS_API_KEY": "the-api-key",
    "SAAS_ADMIN_KEY": "the-admin-key",
    "SHOP_OWNER_PASSWORD": "the-owner",
    "SHOP_INGEST_PASSWORD": "the-login",
    "AWS_ACCESS_KEY_ID": "the-access-key",
    "AWS_SECRET_ACCESS_KEY": "the-secret-access-key",
    "SNOWFLAKE_PRIVATE_KEY": "the-loaders-key",
    "SNOWFLAKE_PRIVATE_KEY_2_PATH": "/keys/the-loaders-second",
    "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "the-loaders-passphrase",
    "SNOWFLAKE_DBT_PRIVATE_KEY_PATH": "/keys/the-transformers",
    "SNOWFLAKE_DBT_PRIVATE_KEY_PASSPHRASE": "the-transformers-passphrase",
    "PREFECT_API_DATABASE_CONNECTION_URL": "postgresql://the-prefect-database",
    "ALERT_WEBHOOK_URL": "https://the-webhook",
}
READERS_OWN = {
    "SNOWFLAKE_READER_PRIVATE_KEY_PATH": "/keys/a-reader",
    "SNOWFLAKE_READER_PRIVATE_KEY_PASSPHRASE": "a-readers-passphrase",
}


@COMPOSED
@pytest.mark.parametrize("name", ["query", "analytics"])
def test_a_reader_is_given_what_it_needs_and_nothing_else(tmp_path: Path, name: str) -> None:
    """No salt, no source, no lake, no key that writes; of the files only the published ones, read-only."""
    env_file = tmp_path / "own"
    settings = {**SECRETS, **READERS_OWN, "SNOWFLAKE_ACCOUNT": "MYORG-MYACCOUNT", "WAREHOUSE": "snowflake"}
    env_file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    services = rendered(env_file, profile="tools")
    reader = services[name]

    assert [value for value in SECRETS.values() if value in str(reader)] == []
    assert reader["environment"]["SNOWFLAKE_READER_PRIVATE_KEY_PASSPHRASE"] == "a-readers-passphrase"
    assert [(volume["source"], volume["target"], volume["read_only"]) for volume in reader["volumes"]] == [
        ("published", "/warehouse/published", True),
        ("/keys/a-reader", reader["environment"]["SNOWFLAKE_READER_PRIVATE_KEY_PATH"], True),
    ]
    assert {other for other, service in services.items() if "a-reader" in str(service)} == {"query", "analytics"}


def rendered(env_file: Path, *files: str, profile: str = "") -> dict[str, Any]:
    """Return the services as compose would start them, with only the variables of the file."""
    chosen = [f"--file={file}" for file in files]
    command = ["docker", "compose", f"--profile={profile}", "--env-file", str(env_file), *chosen, "config"]
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    text = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True).stdout
    services: dict[str, Any] = yaml.safe_load(text)["services"]
    for service in services.values():
        # Programs take an empty variable for one that is not set, and most defaults are theirs.
        service["environment"] = {k: v for k, v in service["environment"].items() if v and v != DEFAULTS.get(k)}
    return services


@pytest.mark.parametrize("name", ["ingest", "prefect_agent"])
def test_the_sources_are_settings_with_the_stand_ins_by_default(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert environment["POSTGRES_DSN"] == (
        "${POSTGRES_DSN:-postgresql://ingest:${SHOP_INGEST_PASSWORD:-ingest}@postgres:5432/shop}"
    )
    assert environment["SAAS_BASE_URL"] == "${SAAS_BASE_URL:-http://mock_saas:8090}"


def test_with_sources_of_ones_own_no_stand_in_is_started_and_nobody_waits_for_one() -> None:
    own = yaml.safe_load((REPOSITORY / "docker-compose.sources.yml").read_text(encoding="utf-8"))["services"]
    assert own["postgres"] == own["mock_saas"] == {"profiles": ["emulated"]}
    for name in ("activity", "ingest", "prefect_agent", "prefect_flow"):
        assert {need["required"] for need in own[name]["depends_on"].values()} == {False}


@COMPOSED
@pytest.mark.parametrize("others", [(), ("aws",), ("sources",), ("aws", "sources")], ids="-".join)
def test_every_command_of_the_runbook_finds_a_valid_project(others: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    files = [f"--file=docker-compose.{name}.yml" for name in others]
    for profiles in ([], ["alive", "tools"]):
        chosen = [f"--profile={name}" for name in profiles]
        command = [
            "docker",
            "compose",
            "--env-file",
            str(tmp_path / "empty"),
            "--file=docker-compose.yml",
            *files,
            *chosen,
        ]
        asked = subprocess.run(
            [*command, "config", "--quiet"], cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
        assert asked.returncode == 0, asked.stderr


def test_on_aws_no_lake_is_started_and_nobody_waits_for_it() -> None:
    aws = yaml.safe_load((REPOSITORY / "docker-compose.aws.yml").read_text(encoding="utf-8"))["services"]
    assert aws["lake"] == {"profiles": ["emulated"]}
    for name in ("ingest", "prefect_agent", "prefect_flow"):
        assert aws[name]["depends_on"]["lake"]["required"] is False
    for name in ("ingest", "prefect_agent"):
        assert aws[name]["environment"]["AWS_ENDPOINT_URL"] == "${AWS_ENDPOINT_URL:-}"

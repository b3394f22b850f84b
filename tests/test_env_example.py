""".env.example has every setting of our programs, with its default, and no other; containers use it."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings

from lake.settings import LakeServerSettings

REPOSITORY = Path(__file__).parents[1]
PACKAGES = ("common", "ingest", "local", "orchestration", "mock_saas", "postgres", "lake")
OTHERS = re.compile(
    r"PREFECT_(?!API_DATABASE).*|PATH|HOME|TMPDIR|COLUMNS|LC_.*|LANG.*|PYTHON.*|SSL_CERT_(FILE|DIR)|MALLOC_.*"
)
"""Read, and documented by whoever invented them: Prefect, the shell, OpenSSL, glibc."""
BUILT_FOR_DBT = {
    "DUCKDB_PATH",
    "FLOW_RUN_ID",
    "FULL_TESTS",
    "SNOWFLAKE_DATABASE",
    "SNOWFLAKE_ROLE",
    "SNOWFLAKE_WAREHOUSE",
}
"""What the dbt runner sets from other settings."""
IN_CONTAINERS = {
    "AWS_ENDPOINT_URL": "docker-compose.aws.yml takes it",
    "CONTRACTS_DIR": "in the image",
    "DBT_PROFILES_DIR": "in the image",
    "DBT_PROJECT_DIR": "in the image",
    "INGEST_CONCURRENCY": "streams are handed out",
    "INGEST_DEPLOYMENT": "streams are handed out",
    "METRICS_HOST": "the port is published on loopback",
    "METRICS_PORT": "the port in the container is the image's, the host's is named by it",
    "RUNS_DIR": "a volume",
    "SNOWFLAKE_PASSWORD": "for an emulator on this machine alone",
    "WAREHOUSE_DIR": "a volume",
}
"""Settings that docker-compose.yml decides upon itself, and why."""


def modules(text: str) -> Iterator[Path]:
    """Python files of our programs that hold `text`."""
    for package in PACKAGES:
        for path in (REPOSITORY / package).rglob("*.py"):
            if text in path.read_text(encoding="utf-8"):
                yield path


def settings_classes() -> list[type[BaseSettings]]:
    """Return every settings class of our programs."""
    found = {}
    for path in modules("Settings):\n"):
        module = importlib.import_module(".".join(path.relative_to(REPOSITORY).with_suffix("").parts))
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, BaseSettings) and value.__module__ == module.__name__:
                found[f"{value.__module__}.{value.__name__}"] = value
    return [found[name] for name in sorted(found)]


SETTINGS = settings_classes()


def variables(settings: type[BaseSettings]) -> dict[str, str]:
    """Return the environment variable of each field, without fields that are settings themselves."""
    return {
        name: str(field.validation_alias or name.upper())
        for name, field in settings.model_fields.items()
        if not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings))
    }


def read_directly() -> set[str]:
    """Return variables that are read without a settings class: by `os.environ`, an option's `envvar`, or
    dbt's Jinja.
    """
    names = set()
    for path in modules("os"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names |= set(named_by(node))
    project = REPOSITORY / "dbt"
    for path in [*project.rglob("*.sql"), *project.rglob("*.yml")]:
        if (project / "target") in path.parents:
            continue  # what a dbt beside this test may be writing
        names |= set(re.findall(r"env_var\(\s*['\"](\w+)['\"]", path.read_text(encoding="utf-8")))
    return {name for name in names if not OTHERS.fullmatch(name)} - BUILT_FOR_DBT


def named_by(node: ast.AST) -> Iterator[str]:
    """Yield the variables that one node reads."""
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ" and isinstance(node.ctx, ast.Load):
        yield from constants([node.slice])
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.environ.get", "os.getenv", "_number"):
        yield from constants(node.args[:1])
    elif isinstance(node, ast.Compare) and any(ast.unparse(one) == "os.environ" for one in node.comparators):
        yield from constants([node.left])
    elif isinstance(node, ast.keyword) and node.arg == "envvar":
        yield from constants([node.value])


def constants(nodes: list[ast.expr]) -> Iterator[str]:
    """Yield the text of the nodes that are text."""
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def compose_variables() -> set[str]:
    """Return the variables of `.env` that the compose files use."""
    return {
        name
        for path in REPOSITORY.glob("docker-compose*.yml")
        for name in re.findall(r"\$\{(\w+)", path.read_text(encoding="utf-8"))
    }


def example() -> dict[str, str]:
    """Return the settings in .env.example, in order."""
    lines = (REPOSITORY / ".env.example").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    assert len(dict(pairs)) == len(pairs), "a setting stands there twice"
    return dict(pairs)


def test_all_settings_classes_are_found() -> None:
    names = {settings.__name__ for settings in SETTINGS}

    assert names >= {"IngestSettings", "OrchestrationSettings", "WorkerSettings", "DeploySettings", "LocalSettings"}
    assert {"RAW_BUCKET", "LAKE_PORT", "WAREHOUSE", "EMAIL_SALT"} <= read_directly()


def test_env_example_names_every_setting_and_no_other() -> None:
    settings = {variable for settings in SETTINGS for variable in variables(settings).values()}

    assert set(example()) == settings | compose_variables() | read_directly()


OF_ITS_OWN = {("SetupSettings", "owner_password"), ("SetupSettings", "ingest_password")}
"""It has no built-in secrets; what is shown is what compose gives it."""


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings.__name__)
def test_env_example_shows_the_defaults(settings: type[BaseSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    for variable in variables(settings).values():
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("ENVIRONMENT", "dev")  # without it there are no defaults for secrets
    by_default: Any = settings(_env_file=None)
    for variable, value in example().items():
        if variable in variables(settings).values():
            monkeypatch.setenv(variable, value)
    as_in_example: Any = settings(_env_file=None)

    for field in variables(settings):
        shown, default = getattr(as_in_example, field), getattr(by_default, field)
        if (settings.__name__, field) not in OF_ITS_OWN:
            assert (shown.absolute() if isinstance(shown, Path) else shown) == default, field


def test_the_lakes_server_has_the_defaults_that_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = example()
    for variable in ("AWS_REGION", "LAKE_HOST", "LAKE_PORT", "S3_DATA_DIR", "LAKE_RESERVE_BYTES"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("RAW_BUCKET", shown["RAW_BUCKET"])
    by_default = LakeServerSettings.from_environment()
    for variable, value in shown.items():
        monkeypatch.setenv(variable, value)

    assert LakeServerSettings.from_environment() == by_default


READERS_OWN = {
    "SNOWFLAKE_READER_USER",
    "SNOWFLAKE_READER_PRIVATE_KEY",
    "SNOWFLAKE_READER_PRIVATE_KEY_PATH",
    "SNOWFLAKE_READER_PRIVATE_KEY_PASSPHRASE",
}
"""The login of those who query the marts."""

COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


def reaching(service: str) -> set[str]:
    """Return the settings that a service's containers get from `.env`, by the name that the program reads."""
    environment: dict[str, str] = COMPOSE[service]["environment"]
    return {name for name, value in environment.items() if re.search(rf"\$\{{{name}[:-]", str(value))}


@pytest.mark.parametrize(
    ("service", "programs"),
    [
        ("ingest", ("IngestSettings", "LakeSettings", "WorkerSettings")),
        (
            "prefect_agent",
            ("IngestSettings", "LakeSettings", "OrchestrationSettings", "Schemas", "SnowflakeSettings"),
        ),
        ("prefect_flow", ("DeploySettings",)),
        ("query", ("ReaderSettings",)),
    ],
)
def test_every_setting_in_env_reaches_the_container_that_reads_it(service: str, programs: tuple[str, ...]) -> None:
    read = {
        variable for settings in SETTINGS if settings.__name__ in programs for variable in variables(settings).values()
    }

    assert read - READERS_OWN - reaching(service) <= set(IN_CONTAINERS)


def test_the_readers_login_reaches_readers_alone() -> None:
    assert {name for name in COMPOSE if READERS_OWN & reaching(name)} == {"query", "analytics"}
    assert READERS_OWN - {"SNOWFLAKE_READER_PRIVATE_KEY_PATH"} <= reaching("query")


@pytest.mark.parametrize("variable", sorted(IN_CONTAINERS))
def test_what_containers_decide_themselves_is_not_read_from_env(variable: str) -> None:
    assert all(variable not in reaching(service) for service in COMPOSE)
    assert "container" in comment_above(variable).lower() or variable in ("AWS_ENDPOINT_URL", "SNOWFLAKE_PASSWORD")


def comment_above(variable: str) -> str:
    """Return the comment in .env.example above a setting, or above its group."""
    lines = (REPOSITORY / ".env.example").read_text(encoding="utf-8").splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith(f"{variable}="))
    start = next(index for index in range(at - 1, -1, -1) if not lines[index] or lines[index].startswith("# ---"))
    return " ".join(line for line in lines[start:at] if line.startswith("#"))

"""The documentation is held to what is there."""

from __future__ import annotations

import importlib.util
import re
import shlex
from itertools import dropwhile
from pathlib import Path

import click
import pytest
import typer
import yaml
from pydantic_settings import BaseSettings

from ingest.cli.app import app
from ingest.contracts.model import StreamSpec
from ingest.contracts.registry import ContractRegistry
from ingest.settings import IngestSettings, LakeSettings
from orchestration.prefect.deployments import deployment_specs
from orchestration.settings import OrchestrationSettings, Schemas
from orchestration.warehouse.snowflake_settings import SnowflakeSettings

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "docs"
SETTINGS: tuple[type[BaseSettings], ...] = (
    IngestSettings,
    LakeSettings,
    OrchestrationSettings,
    Schemas,
    SnowflakeSettings,
)


def _variables(settings: type[BaseSettings]) -> dict[str, str]:
    """Environment variable by field name."""
    return {
        name: str(field.validation_alias) for name, field in settings.model_fields.items() if field.validation_alias
    }


def _example() -> dict[str, str]:
    lines = (REPOSITORY / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_env_example_names_every_setting_and_no_other() -> None:
    settings = {variable for settings in SETTINGS for variable in _variables(settings).values()}
    assert set(_example()) == settings | _compose_variables()


def _compose_variables() -> set[str]:
    """What the compose files read of `.env`."""
    return {
        name
        for path in REPOSITORY.glob("docker-compose*.yml")
        for name in re.findall(r"\$\{(\w+)", path.read_text(encoding="utf-8"))
    }


@pytest.mark.parametrize("settings", SETTINGS)
def test_env_example_shows_the_defaults(
    settings: type[BaseSettings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(REPOSITORY)
    for variable in _variables(settings).values():
        monkeypatch.delenv(variable, raising=False)
    by_default = settings(_env_file=None)
    for variable, value in _example().items():
        monkeypatch.setenv(variable, value)
    as_in_example = settings(_env_file=None)

    for field in _variables(settings):
        shown, default = getattr(as_in_example, field), getattr(by_default, field)
        assert (shown.absolute() if isinstance(shown, Path) else shown) == default, field


def test_every_test_that_a_guarantee_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (DOCS / "DATA_CONTRACTS.md").read_text(encoding="utf-8")))
    defined = {
        name
        for path in (REPOSITORY / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert named
    assert named <= defined


def test_the_table_of_streams_is_the_contracts() -> None:
    text = (DOCS / "DATA_CONTRACTS.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `([\w./]+)` \| (whole|by `\w+`) \| `([\w, ]+)` \|", text, re.MULTILINE)
    assert set(rows) == {
        (
            contract.stream,
            contract.source_object,
            f"by `{contract.spec.cursor}`" if contract.spec.cursor else "whole",
            ", ".join(contract.key),
        )
        for contract in ContractRegistry.load().values()
    }


def test_every_custom_property_is_explained() -> None:
    text = (DOCS / "DATA_CONTRACTS.md").read_text(encoding="utf-8")
    assert {field.alias for field in StreamSpec.model_fields.values()} <= set(re.findall(r"^\| `(\w+)` \|", text, re.M))


@pytest.mark.parametrize("page", [*sorted(DOCS.glob("*.md")), REPOSITORY / "README.md"], ids=lambda page: page.name)
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link]
    paths = re.findall(r"`((?:ingest|orchestration|mock_saas|postgres|dbt|docs|tests|requirements)/[\w./-]+)`", text)
    missing = [link for link in links if not (page.parent / link).exists()]
    missing += [path for path in paths if not (REPOSITORY / path).exists()]
    assert missing == []


PAGES = [REPOSITORY / "README.md", *sorted(DOCS.glob("*.md")), REPOSITORY / "dbt" / "README.md"]


def _commands(program: str) -> list[list[str]]:
    """Every command of `program` that the documentation shows, in code blocks and in code spans."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
        for line in [*"\n".join(blocks).splitlines(), *spans]:
            words = shlex.split(line, comments=True) if line.startswith(f"{program} ") else []
            if words:
                found.append(words)
    return found


def test_every_make_target_that_is_shown_exists() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z_-]+):.*## ", makefile, re.MULTILINE))
    shown = {word for words in _commands("make") for word in words[1:] if re.fullmatch(r"[a-z_-]+", word)}

    assert {"demo", "query", "test"} <= shown
    assert shown <= targets


@pytest.fixture(scope="module")
def services() -> dict[str, list[str]]:
    """Profiles by service of docker-compose.yml."""
    loaded = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))
    return {name: service.get("profiles", []) for name, service in loaded["services"].items()}


_TAKES_SERVICES = ("build", "exec", "kill", "logs", "port", "ps", "restart", "run", "start", "stop", "up")
_OPTIONS_WITH_VALUE = ("--profile", "--scale", "--since", "--tail", "--user", "--timeout", "-f", "-p")


def _compose_words(words: list[str]) -> tuple[list[str], str, list[str]]:
    """Profiles, subcommand and services of a `docker compose` command."""
    profiles, plain, scaled = [], [], []
    rest = iter(words[2:])
    for word in rest:
        if word in _OPTIONS_WITH_VALUE:
            value = next(rest)
            profiles += [value] if word == "--profile" else []
            scaled += [value.partition("=")[0]] if word == "--scale" else []
        elif not word.startswith("-"):
            plain.append(word)
            if plain[0] in ("exec", "run") and len(plain) == 2:
                break  # the rest is what runs in there
    return profiles, plain[0], [*plain[1:], *scaled]


def test_every_compose_command_that_is_shown_names_services_and_profiles_that_exist(
    services: dict[str, list[str]],
) -> None:
    shown = [words for words in _commands("docker") if words[1] == "compose"]
    profiles = {profile for named in services.values() for profile in named}

    assert {words[2] for words in shown} >= {"up", "down", "exec", "logs", "run"}
    for words in shown:
        given, command, named = _compose_words(words)
        assert set(given) <= profiles, words
        if command in _TAKES_SERVICES:
            assert set(named) <= set(services), words
        else:
            assert named == [], words


def test_every_command_in_a_container_that_is_shown_exists_there() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, click.Group)
    shown = [words[3:] for words in _commands("docker") if words[1:3] == ["compose", "exec"]]
    inside = [[*dropwhile(lambda word: word.startswith("-"), words)][1:] for words in shown]

    assert inside
    for program, *arguments in inside:
        if program == "python":
            assert importlib.util.find_spec(arguments[1]) is not None, arguments
            assert arguments[1] != "ingest" or arguments[2] in group.commands, arguments
        else:
            assert program in ("prefect", "psql", "cat", "df"), program


def test_every_deployment_that_is_shown_exists_and_takes_the_parameters() -> None:
    specs = {spec.full_name: spec for spec in deployment_specs(ContractRegistry.load())}
    shown = [words[words.index("run") + 1 :] for words in _commands("docker") if "deployment" in words]

    assert shown
    for name, *options in shown:
        parameters = {value.partition("=")[0] for value in options if "=" in value}
        assert parameters <= set(specs[name].schema["properties"]), name


def test_every_ingest_command_that_is_shown_exists_with_its_options() -> None:
    root = typer.main.get_command(app)
    shown = _commands("ingest")
    assert shown
    for words in shown:
        command, path = root, words[1:]
        while isinstance(command, click.Group):
            assert path, words
            assert path[0] in command.commands, words
            command, path = command.commands[path[0]], path[1:]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in path if word.startswith("--")} <= options, words


def test_every_module_and_script_that_is_shown_can_be_run() -> None:
    for words in _commands("python"):
        if words[1] == "-m":
            assert importlib.util.find_spec(words[2]) is not None, words
        else:
            assert (REPOSITORY / words[1]).is_file(), words


def test_every_ingest_command_is_shown() -> None:
    shown = {tuple(word for word in words[1:3] if not word.startswith("-")) for words in _commands("ingest")}
    group = typer.main.get_command(app)
    assert isinstance(group, click.Group)
    for name, command in group.commands.items():
        inner = command.commands if isinstance(command, click.Group) else {}
        paths = [(name, further) for further in inner] or [(name,)]
        for path in paths:
            assert any(words[: len(path)] == path for words in shown), f"ingest {' '.join(path)}"

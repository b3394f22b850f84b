"""The documentation agrees with the repository."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import tomllib
from itertools import dropwhile
from pathlib import Path

import click
import pytest
import typer
import yaml

from ingest.cli.app import app
from ingest.contracts.model import StreamSpec
from ingest.contracts.registry import ContractRegistry
from orchestration.prefect.deploy.deployments import deployment_specs

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "docs"
PAGES = [
    *(
        REPOSITORY / name
        for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "dbt/README.md", "terraform/README.md")
    ),
    *sorted(DOCS.rglob("*.md")),
]


@pytest.mark.parametrize("page", ["DATA_CONTRACTS.md", "SECURITY.md"])
def test_every_test_that_a_promise_names_exists(page: str) -> None:
    named = set(re.findall(r"`(test_\w+)`", (DOCS / page).read_text(encoding="utf-8")))
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_path_that_is_shown_exists(page: Path) -> None:
    """test_links.py checks links."""
    folders = (
        "common|ingest|orchestration|mock_saas|postgres|lake|local|bench|dbt|docs|tests|terraform|requirements|[.]ci"
        "|[.]github"
    )
    paths = re.findall(rf"`((?:{folders})/[\w./-]+)`", page.read_text(encoding="utf-8"))
    assert [path for path in paths if not (REPOSITORY / path).exists()] == []


def _commands(program: str) -> list[list[str]]:
    """Return every command of `program` that the documentation shows, in code blocks and in code spans."""
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
    """Profiles by service of the compose files."""
    profiles: dict[str, list[str]] = {}
    for path in sorted(REPOSITORY.glob("docker-compose*.yml")):
        for name, service in yaml.safe_load(path.read_text(encoding="utf-8"))["services"].items():
            profiles.setdefault(name, []).extend(service.get("profiles", []))
    return profiles


_TAKES_SERVICES = ("build", "exec", "kill", "logs", "port", "ps", "restart", "run", "start", "stop", "up")
_OPTIONS_WITH_VALUE = ("--profile", "--scale", "--since", "--tail", "--user", "--timeout", "-f", "-p")


def _compose_words(words: list[str]) -> tuple[list[str], str, list[str]]:
    """Return profiles, subcommand and services of a `docker compose` command."""
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
    asked = [words[words.index("deployment") + 1 :] for words in _commands("docker") if "deployment" in words]
    shown = [words[1:] for words in asked if words[0] == "run"]

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


def test_the_rotation_of_keys_stands_in_one_place_with_settings_that_exist() -> None:
    text = (REPOSITORY / "terraform" / "README.md").read_text(encoding="utf-8")
    steps = text.partition("## Rotate keys without downtime\n")[2].partition("\n## ")[0]
    declared = (REPOSITORY / "terraform" / "variables.tf").read_text(encoding="utf-8")
    settings = (REPOSITORY / ".env.example").read_text(encoding="utf-8")

    variables = set(re.findall(r"TF_VAR_(\w+)", steps)) | set(re.findall(r"`(dbt_public_key\w*)`", steps))
    assert variables == {"loader_public_key", "loader_public_key_2", "dbt_public_key", "dbt_public_key_2"}
    assert all(f'variable "{name}"' in declared for name in variables)
    assert all(f"\n{name}=" in settings for name in re.findall(r"`(SNOWFLAKE_\w+)`", steps))
    # The new key comes first, and logs in, before the old one goes.
    assert steps.index("`SNOWFLAKE_PRIVATE_KEY_PATH` (new)") < steps.index('TF_VAR_loader_public_key="$(cat new.pub)"')
    for page in [page for page in PAGES if page.parent.name != "terraform"]:
        told = page.read_text(encoding="utf-8")
        assert not re.search(r"public_key_2|PRIVATE_KEY_2_PATH", told), f"{page.name} has steps of its own"


def test_ci_runs_the_readme_s_own_commands() -> None:
    """`.ci/readme` runs the README's block unchanged: the demo, and a query of its marts."""
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    listed = subprocess.run(
        [REPOSITORY / ".ci" / "readme", "--list"], capture_output=True, text=True, check=True
    ).stdout
    assert f"```\n{listed}```\n" in readme
    assert [line.split()[:2] for line in listed.splitlines()] == [["make", "demo"], ["make", "query"]]
    assert "\n.ci/readme\n" in (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")


DECISIONS = DOCS / "decisions"
RECORDS = sorted(DECISIONS.glob("[0-9]*.md"))


def _status(record: Path) -> tuple[str, str, str]:
    """Return title, date and status of a decision record."""
    head = r"# \d{4}: (.+)\n\n- Date: (\d{4}-\d\d-\d\d)\n- Status: (.+)\n\n"
    form = head + r"## Context\n[^#]+\n## Decision\n[^#]+\n## Consequences\n"
    found = re.match(form, record.read_text(encoding="utf-8"))
    assert found is not None, f"{record.name} has not the form of template.md"
    return found[1], found[2], found[3]


def test_decisions_are_numbered_without_a_gap_in_the_order_of_their_dates() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))
    dates = [_status(record)[1] for record in RECORDS]
    assert dates == sorted(dates)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name[:4])
def test_a_decision_stands_in_the_index_as_it_is(record: Path) -> None:
    title, date, status = _status(record)
    number = record.name[:4]
    row = f"| [{number}]({record.name}) | {title} | {date} | {status} |"
    assert row in (DECISIONS / "README.md").read_text(encoding="utf-8").splitlines()
    assert record.read_text(encoding="utf-8").startswith(f"# {number}: ")


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name[:4])
def test_a_decision_and_the_one_that_supersedes_it_name_each_other(record: Path) -> None:
    status = _status(record)[2]
    link = r"\[(?:\d{4})\]\(\d{4}-[\w-]+\.md\)"
    assert re.fullmatch(rf"Accepted|Superseded by {link}|Accepted; supersedes {link}(, {link})*", status), status
    own = f"[{record.name[:4]}]({record.name})"
    for other in re.findall(r"\((\d{4}-[\w-]+\.md)\)", status):
        opposite = _status(DECISIONS / other)[2]
        if status.startswith("Superseded by"):
            assert opposite.startswith("Accepted; supersedes ")
            assert own in opposite
        else:
            assert opposite == f"Superseded by {own}"


@pytest.mark.parametrize(
    ("recipe", "asks", "folders"),
    [
        ("Add a source of another kind", r"\bSource\.[A-Z]+", ("ingest", "orchestration")),
        ("Add a warehouse", r"\bWarehouseKind\.[A-Z]+", ("ingest", "orchestration", "local")),
    ],
)
def test_a_recipe_names_every_module_that_asks_which_kind_it_is(
    recipe: str, asks: str, folders: tuple[str, ...]
) -> None:
    section = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8").partition(f"## {recipe}\n")[2]
    named = set(re.findall(r"`([\w/]+\.py)`", section.partition("\n## ")[0]))
    modules = {
        str(path.relative_to(REPOSITORY))
        for folder in folders
        for path in (REPOSITORY / folder).rglob("*.py")
        if re.search(asks, path.read_text(encoding="utf-8"))
    }
    assert modules
    assert modules - named == set()


def test_the_newest_entry_of_the_changelog_is_the_project_s_version() -> None:
    text = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    headings = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", text, re.MULTILINE)

    assert headings[0] == ("Unreleased", "")
    assert headings[1][0] == project["version"]
    assert [date for _, date in headings[1:]] == sorted((date for _, date in headings[1:]), reverse=True)
    assert set(re.findall(r"^### (\w+)$", text, re.MULTILINE)) <= {
        "Added",
        "Changed",
        "Deprecated",
        "Removed",
        "Fixed",
        "Security",
    }

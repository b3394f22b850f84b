"""Every command that a message names exists, with its arguments; and is one that works where the process runs."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import typer
import yaml

from ingest.cli.app import app as ingest_app
from ingest.contracts.registry import ContractRegistry
from ingest.errors import ConfigurationError
from ingest.hints import here
from orchestration.prefect.command import _command
from orchestration.prefect.deploy.deployments import deployment_specs
from orchestration.runtime.names import BACKFILL, PLATFORM_FLOW

REPOSITORY = Path(__file__).parents[1]
PROGRAMS = ("ingest", "python", "prefect", "docker", "make", "terraform", "aws", "cat")
_PROGRAM = re.compile(rf"(?:{'|'.join(PROGRAMS)}) ")
_NAKED = re.compile(
    r"(?<![`\w./-])(ingest (?:run|backfill|keys|verify|doctor|streams|log|show|replay|gc|contract|quarantine) [-\w]"
    r"|python -m \w|python orchestration|docker compose |prefect deployment )"
)


REWRITES = "ingest/hints.py"


@dataclass(frozen=True)
class Said:
    """A text that a program may show, with `1` in place of a value."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def texts() -> Iterator[Said]:
    """Yield every text in our programs that is no docstring, with adjacent pieces joined as Python joins them."""
    for folder in ("ingest", "orchestration"):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            where = str(path.relative_to(REPOSITORY))
            if where != REWRITES:
                tree = ast.parse(path.read_text(encoding="utf-8"))
                yield from (Said(where, line, text) for line, text in shown_in(tree))


def shown_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield texts with their lines, without texts that are not shown as such: docstrings, and pieces of an f-string."""
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        text = text_of(node)
        if text is not None:
            yield node.lineno, text  # type: ignore[attr-defined]
        inner = list(_inside(node))
        if isinstance(node, ast.Expr | ast.JoinedStr):
            inner = [child for child in inner if text_of(child) is None]
        nodes += reversed(inner)


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, ast.AST))


def text_of(node: ast.AST) -> str | None:
    """Return the text of a string or an f-string; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else value_of(part) for part in node.values)
    return None


def value_of(part: ast.expr) -> str:
    """Return the value of a known name; for any other expression a value that both a stream and a version may have."""
    name = ast.unparse(part.value) if isinstance(part, ast.FormattedValue) else ""
    return {"PLATFORM_FLOW": PLATFORM_FLOW, "BACKFILL": BACKFILL}.get(name, "1")


TEXTS = list(texts())
COMMANDS = [
    (said, command) for said in TEXTS for command in re.findall(r"`([^`\n]+)`", said.text) if _PROGRAM.match(command)
]


def shown(text: str) -> list[str]:
    """Return the commands in backticks."""
    return [command for command in re.findall(r"`([^`\n]+)`", text) if _PROGRAM.match(command)]


def require_works(command: str) -> None:
    """Raise AssertionError, or click's error, for a command that would not be accepted."""
    for part in command.split(" | "):
        words = shlex.split(part)
        if words[0] == "ingest":
            parse(typer.main.get_command(ingest_app), words[1:])
        elif words[0] == "python":
            python(words[1:])
        elif words[0] == "prefect":
            deployment(words)
        elif words[:2] == ["docker", "compose"]:
            compose(words[2:])
        elif words[0] == "make":
            assert f"\n{words[1]}:" in (REPOSITORY / "Makefile").read_text(encoding="utf-8"), command
        else:
            assert words[0] in ("terraform", "aws", "cat"), command


def parse(command: click.Command, words: list[str]) -> None:
    """Let click parse the arguments, down to the command that they name."""
    while isinstance(command, click.Group):
        assert words, "a group needs a command"
        assert words[0] in command.commands, words
        command, words = command.commands[words[0]], words[1:]
    if words:  # a command alone may be named for what it does
        command.make_context(str(command.name), [*words])


def python(words: list[str]) -> None:
    if words[0] != "-m":
        assert words[0] == "orchestration/prefect/flow.py"
        flow = typer.Typer()
        flow.command()(_command(lambda **_: None))  # type: ignore[arg-type,return-value]
        parse(typer.main.get_command(flow), words[1:])
        return
    name = words[1]
    if name == "ingest":
        parse(typer.main.get_command(ingest_app), words[2:])
        return
    assert importlib.util.find_spec(name) is not None, name
    if name == "orchestration.warehouse":
        parse(typer.main.get_command(importlib.import_module(f"{name}.__main__").app), words[2:])
    elif name == "orchestration.env":
        parse(typer.main.get_command(importlib.import_module(name).app), words[2:])
    else:
        assert words[2:] in ([], ["health"], ["--check"]), words


def deployment(words: list[str]) -> None:
    specs = {spec.full_name: spec for spec in deployment_specs(ContractRegistry.load())}
    assert words[1:3] == ["deployment", "run"], words
    spec, options = specs[words[3]], words[4:]
    assert options[::2] == ["-p"] * (len(options) // 2)
    assert {option.partition("=")[0] for option in options[1::2]} <= set(spec.schema["properties"]), words


SERVICES = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


def compose(words: list[str]) -> None:
    verb, rest = words[0], [word for word in words[1:] if word not in ("-d", "--wait", "--rm")]
    assert verb in ("exec", "up", "run", "ps", "logs"), words
    assert rest[0] in SERVICES, words
    if verb == "exec":
        require_works(shlex.join(rest[1:]))
    elif verb == "run":
        assert rest[0] == "query"
        require_works(shlex.join(["python", "-m", "orchestration.warehouse", "query", *rest[1:]]))


def test_there_are_commands_to_look_at() -> None:
    named = {command.partition(" ")[0] for _, command in COMMANDS}
    assert {"ingest", "python", "prefect"} <= named
    assert len(COMMANDS) > 10


@pytest.mark.parametrize(("said", "command"), COMMANDS, ids=str)
def test_a_command_that_a_message_names_works_on_a_machine_and_in_the_containers(
    said: Said, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_works(command)
    monkeypatch.setenv("RUNS_IN", "compose")
    in_containers = here(f"`{command}`")

    for rewritten in shown(in_containers):
        require_works(rewritten)
    assert here(in_containers) == in_containers
    place = "(on the host, see docs/RUNBOOK.md)"
    elsewhere = command.startswith(("docker ", "make ", "terraform ", "aws "))
    assert elsewhere or in_containers.startswith("`docker compose ") or in_containers.endswith(place)


LISTS_COMMANDS = "local/up.py"
"""Commands a line each, which only `make stack` shows."""


def test_a_command_in_a_message_stands_in_backticks_by_which_it_is_known() -> None:
    naked = [
        f"{said}: {said.text}"
        for said in TEXTS
        if _NAKED.search(re.sub(r"`[^`\n]+`", "", said.text))
        and said.path != LISTS_COMMANDS
        and not said.text.startswith(("usage: ", "python -m "))  # a program's own name, in its help
    ]

    assert naked == []


EXAMPLES = [
    ("`ingest log orders`", "`docker compose exec ingest python -m ingest log orders`"),
    ("`ingest contract accept orders`", "`ingest contract accept orders` (on the host, see docs/RUNBOOK.md)"),
    (
        "`python -m orchestration.dbt.sources`",
        "`python -m orchestration.dbt.sources` (on the host, see docs/RUNBOOK.md)",
    ),
    (
        "`python -m orchestration.warehouse reload orders`",
        "`docker compose exec prefect_agent python -m orchestration.warehouse reload orders`",
    ),
    ('`python -m orchestration.warehouse query "select 1"`', '`docker compose run --rm query "select 1"`'),
    (
        "`python orchestration/prefect/flow.py`",
        "`docker compose exec prefect_agent prefect deployment run dp-maiblaze-demo-dev-flow/full`",
    ),
    (
        "`python orchestration/prefect/flow.py --full-refresh -s orders --stream products`",
        "`docker compose exec prefect_agent prefect deployment run dp-maiblaze-demo-dev-flow/full "
        '-p \'streams=["orders", "products"]\' -p full_refresh=true`',
    ),
    ("`python orchestration/prefect/flow.py --deploy`", "`docker compose up -d --wait prefect_flow`"),
    ("`cat /warehouse/runs/1/dbt.jsonl`", "`docker compose exec prefect_agent cat /warehouse/runs/1/dbt.jsonl`"),
    ("`python -m orchestration.worker`", "`docker compose up -d --wait ingest`"),
    ("ingest run, `payload`, `select 1`", "ingest run, `payload`, `select 1`"),
]


@pytest.mark.parametrize(("on_a_machine", "in_containers"), EXAMPLES)
def test_a_command_is_shown_as_it_works_where_the_process_runs(
    on_a_machine: str, in_containers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNS_IN", raising=False)
    assert here(on_a_machine) == on_a_machine
    monkeypatch.setenv("RUNS_IN", "compose")
    assert here(f"Do {on_a_machine}, then go on.") == f"Do {in_containers}, then go on."
    for command in shown(in_containers):
        require_works(command)


def test_an_error_shows_its_hint_so_once_however_often_it_is_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ConfigurationError("it is gone", stream="orders", hint="See `ingest log orders`.")
    assert str(error) == "orders: it is gone. See `ingest log orders`."
    monkeypatch.setenv("RUNS_IN", "compose")
    said = "orders: it is gone. See `docker compose exec ingest python -m ingest log orders`."

    assert str(error) == said
    assert str(ConfigurationError(str(error))) == said
    assert error.hint == "See `ingest log orders`."


@pytest.mark.parametrize("image", ["Dockerfile.ingest", "Dockerfile.prefect"])
def test_our_images_say_where_they_run(image: str) -> None:
    assert re.search(r"^    RUNS_IN=compose\b", (REPOSITORY / image).read_text(encoding="utf-8"), re.MULTILINE)

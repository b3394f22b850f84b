"""Jinja's compiled templates are kept for later processes, and what is kept renders as what is compiled anew."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from dbt_common.clients.jinja import get_environment
from jinja2 import Environment
from jinja2.exceptions import TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

from orchestration.dbt import templates
from orchestration.dbt.templates import KeptTemplates

GREETING = "{% for name in names %}{{ name | upper }} {% endfor %}"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources that Jinja compiles in this test, each as often as it does."""
    sources: list[str] = []
    compile_anew = Environment._compile

    def noting(environment: Environment, source: str, filename: str) -> object:
        sources.append(source)
        return compile_anew(environment, source, filename)

    monkeypatch.setattr(Environment, "_compile", noting)
    monkeypatch.setattr(Environment, "compile", Environment.compile)  # what is put back at the end
    monkeypatch.setattr(templates.atexit, "register", lambda function: None)
    return sources


def later_process(file: Path) -> KeptTemplates:
    """Return the templates of a process that has taken over the file."""
    Environment.compile = compile_of_jinja  # type: ignore[method-assign]
    kept = KeptTemplates(file)
    kept.take_over()
    return kept


compile_of_jinja = Environment.compile


def test_a_later_process_compiles_nothing_again(compiled: list[str], tmp_path: Path) -> None:
    first = later_process(tmp_path / "kept")
    shown = get_environment(None).from_string(GREETING).render({"names": ["a", "b"]})
    first.write()
    assert (len(compiled), shown) == (1, "A B ")

    later_process(tmp_path / "kept")

    assert get_environment(None).from_string(GREETING).render({"names": ["c"]}) == "C "
    assert len(compiled) == 1
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_environments_of_different_kinds_share_nothing(compiled: list[str], tmp_path: Path) -> None:
    later_process(tmp_path / "kept")
    for environment in (get_environment(None), get_environment(None, native=True), SandboxedEnvironment()):
        environment.from_string(GREETING)
    assert len(compiled) == 3


def test_a_source_that_is_wrong_is_wrong_each_time(compiled: list[str], tmp_path: Path) -> None:
    later_process(tmp_path / "kept")
    for _ in range(2):
        with pytest.raises(TemplateSyntaxError):
            get_environment(None).from_string("{% for %}")


@pytest.mark.parametrize("damage", ["cut", "changed", "of another version", "empty", "a directory"])
def test_a_file_that_another_wrote_or_broke_is_not_read(
    compiled: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    file = tmp_path / "kept"
    first = later_process(file)
    get_environment(None).from_string(GREETING)
    first.write()
    content = file.read_bytes()
    match damage:
        case "cut":
            file.write_bytes(content[:-1])
        case "changed":
            file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        case "of another version":
            monkeypatch.setattr(sys, "version", "4.0")
            monkeypatch.setattr(templates, "_versions", templates._versions.__wrapped__)
        case "empty":
            file.write_bytes(b"")
        case _:
            file.unlink()
            file.mkdir()

    second = later_process(file)

    assert get_environment(None).from_string(GREETING).render({"names": ["a"]}) == "A "
    second.write()
    assert len(compiled) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_more_than_are_wanted_are_reduced_to_what_was_used(
    compiled: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(templates, "MOST", 3)
    first = later_process(tmp_path / "kept")
    for number in range(3):
        get_environment(None).from_string(f"{number}")
    first.write()

    second = later_process(tmp_path / "kept")
    for number in range(2, 4):
        get_environment(None).from_string(f"{number}")
    second.write()

    third = later_process(tmp_path / "kept")
    assert len(compiled) == 4
    for number in (2, 3, 0):
        get_environment(None).from_string(f"{number}")
    assert len(compiled) == 5
    third.write()

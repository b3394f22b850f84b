"""The documentation's pictures: what `make pictures` draws of a terminal, and what is committed."""

from __future__ import annotations

import platform
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.pictures import FOLDER, PAGES, PICTURES, Picture, as_svg, chapters_of, keep_pages


def test_a_rule_with_a_title_and_the_time_begins_a_chapter() -> None:
    sources = "\x1b[1mSources 0:00\x1b[0m ─────\nPostgres\n\n"
    shown = f"dp-mailblaze-demo\n\n{sources}Run 1: everything 0:12 ───\n  products  7 rows\n"

    chapters = dict(chapters_of(shown))

    assert list(chapters) == ["", "Sources", "Run 1: everything"]
    assert chapters["Run 1: everything"] == "Run 1: everything 0:12 ───\n  products  7 rows"


def test_a_terminal_becomes_a_drawing_that_fetches_nothing() -> None:
    drawn = as_svg("\x1b[32mequal\x1b[0m for <9> of 9", "make demo")

    assert "equal" in "".join(ElementTree.fromstring(drawn).itertext())  # noqa: S314 - our own
    assert "url(http" not in drawn
    assert "@font-face" not in drawn


def test_a_terminal_that_names_this_machine_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "somebodys-laptop")

    with pytest.raises(ValueError, match="somebodys-laptop"):
        as_svg("Postgres on somebodys-laptop:5432", "make demo")


def test_a_picture_is_a_part_of_a_chapter() -> None:
    chapter = "Results 1:20 ──\n\n\x1b[1mReconciliation\x1b[0m\nequal\n\x1b[1mThe marts\x1b[0m\n"

    part = Picture("x.svg", "Results", first="Recon", beyond="The marts").part_of(chapter)

    assert part == "\x1b[1mReconciliation\x1b[0m\nequal"
    with pytest.raises(ValueError, match="no line that begins with 'Done in'"):
        Picture("x.svg", "Results", beyond="Done in").part_of(chapter)


def test_of_the_pages_that_a_browser_saw_the_last_one_is_kept(tmp_path: Path) -> None:
    seen, folder = tmp_path / "seen", tmp_path / "kept"
    seen.mkdir()
    folder.mkdir()
    for number, name in enumerate(("deployments", "tab-task-runs", "tab-logs", "tab-task-runs"), start=1):
        (seen / f"{number:02d}-{name}.png").write_text(f"{number}")

    assert keep_pages(seen, folder) == ["artifact-run-reconciliation"]
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"prefect-run.png": "4"}


def test_each_picture_is_committed() -> None:
    assert {path.name for path in FOLDER.glob("prefect-*.png")} == set(PAGES.values())
    assert {path.name for path in FOLDER.glob("*.svg")} == {picture.file for picture in PICTURES}


@pytest.mark.parametrize("file", [picture.file for picture in PICTURES])
def test_the_committed_pictures_are_whole_and_fetch_nothing(file: str) -> None:
    drawn = (FOLDER / file).read_text(encoding="utf-8")

    assert ElementTree.fromstring(drawn).tag.endswith("svg")  # noqa: S314 - our own
    assert "url(http" not in drawn
    assert "make demo" in drawn.replace("&#160;", " ")

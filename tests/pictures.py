"""The pictures of the documentation, of real runs: `make pictures` runs the demo and draws its terminal as SVG.

The pictures of pages of Prefect's UI, and of pages over the marts, come from the last `make e2e` on this machine.
"""

from __future__ import annotations

import io
import platform
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from local.demo.command import demo
from orchestration.business_time import parse_moment
from tests.e2e.ui import PICTURES as VISITS

REPOSITORY = Path(__file__).parents[1]
FOLDER = REPOSITORY / "docs" / "pictures"
SEEN = VISITS / "run"
WIDTH = 100
MOMENT = "2026-11-20T18:00:00Z"
_FONT_FACE = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
_BEGINNING = re.compile(r"(\S.*?) \d+:\d\d ─+")


@dataclass(frozen=True)
class Picture:
    """A part of a chapter of the demo: from the line that begins with `first` to the one before `beyond`."""

    file: str
    chapter: str
    first: str = ""
    beyond: str = ""

    def part_of(self, chapter: str) -> str:
        """Return the picture's part of a chapter. Raises ValueError if the chapter has no such lines."""
        lines = chapter.splitlines()
        plain = [Text.from_ansi(line).plain for line in lines]
        begin = _index(plain, self.first) if self.first else 0
        end = _index(plain, self.beyond) if self.beyond else len(lines)
        return "\n".join(lines[begin:end])


PICTURES = (
    Picture("demo-full-load.svg", "Run 1: everything"),
    Picture("demo-results.svg", "Results", beyond="The marts"),
    Picture("demo-answers.svg", "Results", first="The marts", beyond="Done in"),
)


PAGES = {
    "tab-task-runs": "prefect-run.png",
    "artifact-run-reconciliation": "prefect-reconciliation.png",
}
"""Pages that `tests/e2e/browser.py` pictures while it clicks through a run, and their files here."""
ANALYTICS = {"analytics-overview": "analytics-overview.png"}
"""The same of the pages over the marts."""


def _index(lines: list[str], beginning: str) -> int:
    for number, line in enumerate(lines):
        if line.startswith(beginning):
            return number
    raise ValueError(f"the demo shows no line that begins with '{beginning}'")


def run_demo() -> str:
    """Run the demo, and return its output on a terminal, with its colours."""
    console = Console(
        file=io.StringIO(), record=True, force_terminal=True, force_interactive=False, width=WIDTH, highlight=False
    )
    demo(console, scale=1.0, now=parse_moment(MOMENT))
    return console.export_text(styles=True)


def chapters_of(shown: str) -> Iterator[tuple[str, str]]:
    """Yield title and text of each chapter. A chapter begins with a rule with a title and the time."""
    title, lines = "", list[str]()
    for line in shown.splitlines():
        begun = _BEGINNING.fullmatch(Text.from_ansi(line).plain.rstrip())
        if begun:
            yield title, "\n".join(lines)
            title, lines = begun[1], []
        lines.append(line)
    yield title, "\n".join(lines)


def as_svg(shown: str, title: str) -> str:
    """Return a terminal's text as an SVG that fetches nothing. Raises ValueError if it names this machine."""
    console = Console(file=io.StringIO(), record=True, width=WIDTH, highlight=False)
    console.print(Text.from_ansi(shown.rstrip()))
    plain = console.export_text(clear=False)
    named = [name for name in (platform.node(), str(REPOSITORY), str(Path.home())) if len(name) > 1 and name in plain]
    if named:
        raise ValueError(f"the picture would show {', '.join(named)}")
    drawn = _FONT_FACE.sub("", console.export_svg(title=title, theme=MONOKAI, unique_id="terminal"))
    return re.sub(r"[ \t]+$", "", drawn, flags=re.MULTILINE)


def keep_pages(seen: Path, folder: Path, pages: Mapping[str, str] = PAGES) -> list[str]:
    """Copy the pages that a browser saw into `folder`. Return the names of the missing ones."""
    missing = []
    for name, file in pages.items():
        pictures = sorted(seen.glob(f"[0-9][0-9]-{name}.png"))
        if pictures:
            shutil.copyfile(pictures[-1], folder / file)
        else:
            missing.append(name)
    return missing


def main() -> int:
    """Run the command. Return the exit code."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    chapters = dict(chapters_of(run_demo()))
    for picture in PICTURES:
        drawn = as_svg(picture.part_of(chapters[picture.chapter]), "make demo")
        (FOLDER / picture.file).write_text(drawn, encoding="utf-8")
    missing = [*keep_pages(SEEN, FOLDER), *keep_pages(VISITS / "analytics", FOLDER, ANALYTICS)]
    if missing:
        print(f"not drawn anew, as `make e2e` has left none in {VISITS}: {', '.join(missing)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The documentation's site has each page in its navigation, found without building it."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def test_the_navigation_names_every_page_of_the_documentation_and_none_that_is_gone() -> None:
    text = (REPOSITORY / "docs" / "site" / "mkdocs.yml").read_text(encoding="utf-8")
    named = re.findall(r"^ +- (?:[\w ]+: )?([\w/-]+\.md)$", text.partition("\nnav:\n")[2], re.MULTILINE)

    assert {f"docs/{page.name}" for page in (REPOSITORY / "docs").glob("*.md")} <= set(named)
    assert [page for page in named if not (REPOSITORY / page).is_file()] == []
    assert len(named) == len(set(named))

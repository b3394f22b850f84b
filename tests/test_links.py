"""Every link of every page leads to a file, and to a heading of it, that exists in this repository."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

REPOSITORY = Path(__file__).parents[1]
MARKDOWN = MarkdownIt("commonmark").enable("table")
_GENERATED = {"dbt_packages", "target"}


def pages() -> Iterator[str]:
    """Yield the repository's pages, tracked or not, without hidden folders except GitHub's, and without
    generated ones.
    """
    for folder, folders, files in os.walk(REPOSITORY):
        folders[:] = sorted(set(folders) - _GENERATED - {name for name in folders if _is_hidden(name)})
        for name in sorted(files):
            if name.endswith(".md"):
                yield Path(folder, name).relative_to(REPOSITORY).as_posix()


def _is_hidden(folder: str) -> bool:
    return folder.startswith(".") and folder != ".github"


PAGES = list(pages())


def inline_tokens(text: str) -> Iterator[Token]:
    """Yield the tokens within the lines of a page: text, code, links, images, HTML."""
    for token in MARKDOWN.parse(text):
        yield from token.children or ()


def links_of(text: str) -> Iterator[str]:
    """Yield the targets of a page's links and images."""
    for token in inline_tokens(text):
        if target := token.attrGet("href") or token.attrGet("src"):
            yield str(target)


def anchors_of(text: str) -> set[str]:
    """Return the anchors of a page by GitHub's rule, and those that it sets itself (`<a id="...">`).

    GitHub's rule: the heading's text in lower case, without punctuation, with each blank as a hyphen; the second
    heading with the same text ends in -1. https://docs.github.com/en/get-started/writing-on-github (Section links).
    """
    tokens = MARKDOWN.parse(text)
    seen: Counter[str] = Counter()
    anchors = {found for token in inline_tokens(text) for found in re.findall(r'<a id="([^"]+)"', token.content)}
    for opening, heading in pairwise(tokens):
        if opening.type == "heading_open":
            shown = "".join(child.content for child in heading.children or ())
            anchor = re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")
            anchors.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
            seen[anchor] += 1
    return anchors


def broken_links(page: Path) -> list[str]:
    """Return the links of a page, within the repository, that have no target."""
    broken = []
    for link in links_of(page.read_text(encoding="utf-8")):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = page.parent / unquote(parts.path) if parts.path else page
        anchor = unquote(parts.fragment) if target.suffix == ".md" else ""
        if not target.exists() or (anchor and anchor not in anchors_of(target.read_text(encoding="utf-8"))):
            broken.append(link)
    return broken


def test_there_are_pages() -> None:
    assert {"README.md", "docs/ARCHITECTURE.md"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: str) -> None:
    assert broken_links(REPOSITORY / page) == []


def test_anchors_are_those_that_github_makes() -> None:
    page = (
        "# What counts cannot see\n\n## `ingest verify`: a *whole* table, compared\n\n## Ärger & [Würde](x.md)\n\n"
        'Again\n-----\n\n## Again\n\n## 1.2 snake_case-and-hyphen\n\n<a id="mine"></a>\n\n```\n# no heading\n```\n'
    )
    assert anchors_of(page) == {
        "what-counts-cannot-see",
        "ingest-verify-a-whole-table-compared",
        "ärger--würde",
        "again",
        "again-1",
        "12-snake_case-and-hyphen",
        "mine",
    }


def test_a_link_that_leads_nowhere_is_found_wherever_it_stands(tmp_path: Path) -> None:
    (tmp_path / "other page.md").write_text("# Here\n")
    page = tmp_path / "page.md"
    page.write_text(
        "# Top\n\n[good](other%20page.md#here) [self](#top) <https://example.com/x.md> `[code](gone.md)`\n\n"
        "| a |\n|---|\n| [table](gone.md) ![picture](gone.svg) |\n\n"
        "[by reference][r] [anchor](other%20page.md#there)\n\n"
        "- [own](#bottom)\n\n[r]: gone/else.md\n"
    )
    assert broken_links(page) == ["gone.md", "gone.svg", "gone/else.md", "other%20page.md#there", "#bottom"]

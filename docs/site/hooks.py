"""Makes the repository's own files, in their places, the pages of mkdocs. Their links lead to pages, or to sources.

mkdocs calls the functions `on_...` in their order in this file
(https://www.mkdocs.org/dev-guide/plugins/#events).
"""

from __future__ import annotations

import os
import posixpath
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import mermaidx
from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPOSITORY = Path(__file__).resolve().parents[2]
PARTS = REPOSITORY / ".site" / "parts"
"""What build.sh has made: pages of the contracts, dbt's documentation, the lineage."""
MERMAID = Path(mermaidx.__file__).parent / "assets" / "mermaid.js"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the folders in the navigation with their pages, and make links that leave the documentation work."""
    decisions = REPOSITORY / "docs" / "decisions"
    config.nav = [
        {"Contracts": _pages(PARTS, "contracts/*.md", first="contracts/index.md")}
        if entry == {"Contracts": []}
        else {"Decisions": ["docs/decisions/README.md", *_groups_of_decisions(decisions / "README.md")]}
        if entry == {"Decisions": []}
        else entry
        for entry in config.nav
    ]
    config.extra["links"] = links = LinksOut(config.repo_url or "", os.environ.get("REPOSITORY_REF") or "main")
    config.markdown_extensions.append(links)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that the navigation names, wherever they are in the repository, and the pages of the parts."""
    named = {path for path in _paths(config.nav) if (REPOSITORY / path).is_file()}
    documentation = {path.as_posix() for path in _below(REPOSITORY, "docs/**/*") if path.suffix in PUBLISHED}
    for path in sorted(named | documentation - {"docs/decisions/template.md"}):
        if not path.startswith("docs/site/"):
            files.append(_file(path, REPOSITORY, config))
    for part in _below(PARTS, "*/*"):
        files.append(_file(part.as_posix(), PARTS, config))
    files.append(File.generated(config, "mermaid.min.js", abs_src_path=str(MERMAID)))
    config.extra["links"].titles = {
        file.src_uri: _title(Path(file.abs_src_path or "")) for file in files if file.is_documentation_page()
    }
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Tell the link extension which page it processes.

    Hide the navigation on the first page, which is alone in its part.
    """
    config.extra["links"].page = page.file.src_uri
    if page.is_homepage:
        page.meta["hide"] = ["navigation"]
    return markdown


PUBLISHED = {".md", ".svg", ".png"}
FIRST = {"README.md", "contracts/index.md", "docs/decisions/README.md"}
"""The first page of the site, and of those parts of the navigation that have one."""


class LinksOut(Extension):
    """Rewrites relative links to files that are no pages: to the repository, or, if none is configured, to plain text.

    A link whose text is its page's path gets the page's title. A link without an existing target is left to mkdocs,
    which warns.
    """

    def __init__(self, repository: str, ref: str) -> None:
        super().__init__()
        self.repository, self.ref = repository.rstrip("/"), ref
        self.page = ""
        self.titles: dict[str, str] = {}

    def address(self, path: str) -> str:
        """Return the URL of a file or folder of the repository."""
        kind = "tree" if (REPOSITORY / path).is_dir() else "blob"
        return f"{self.repository}/{kind}/{self.ref}/{path}"

    def extendMarkdown(self, md: Markdown) -> None:
        # After the inline patterns (20), before mkdocs makes the links relative to the site (0).
        md.treeprocessors.register(_Links(md, self), "links_out", 5)
        md.treeprocessors.register(_NamedFiles(md, self), "named_files", 4)
        md.treeprocessors.register(_Dates(md), "dates", 4)


class _Links(Treeprocessor):
    def __init__(self, md: Markdown, out: LinksOut) -> None:
        super().__init__(md)
        self._out = out

    def run(self, root: Element) -> None:
        for link in root.iter("a"):
            parts = urlsplit(link.get("href", ""))
            if parts.scheme or parts.netloc or not parts.path:
                continue
            path = posixpath.normpath(posixpath.join(posixpath.dirname(self._out.page), parts.path))
            if path in self._out.titles:
                if not len(link) and _is_path(link.text or ""):
                    link.text = self._out.titles[path]
            elif _is_ours(path):
                self._lead_out(link, path, parts.fragment)

    def _lead_out(self, link: Element, path: str, fragment: str) -> None:
        if self._out.repository:
            link.set("href", self._out.address(path) + (f"#{fragment}" if fragment else ""))
        else:
            del link.attrib["href"]
            link.tag = "span"
            link.set("title", path)


class _NamedFiles(Treeprocessor):
    """Links the name of a repository's file in code to the file, if a repository is configured."""

    def __init__(self, md: Markdown, out: LinksOut) -> None:
        super().__init__(md)
        self._out = out

    def run(self, root: Element) -> None:
        for parent in root.iter():
            if not self._out.repository or parent.tag in ("a", "pre"):
                continue
            for place, child in enumerate(parent):
                path = (child.text or "").rstrip("/")
                if child.tag == "code" and "/" in path and " " not in path and _is_ours(path):
                    link = Element("a", href=self._out.address(path))
                    link.append(child)
                    link.tail, child.tail = child.tail, None
                    parent[place] = link


class _Dates(Treeprocessor):
    def run(self, root: Element) -> None:
        for cell in root.iter("td"):
            if re.fullmatch(r"\d{4}-\d\d-\d\d", cell.text or ""):
                cell.set("style", "white-space: nowrap")


def _is_path(text: str) -> bool:
    return text.endswith(".md") or ("/" in text and _is_ours(text))


def _is_ours(path: str) -> bool:
    """Return whether the repository has this file or folder. A path such as `/dev/null` or `../x` is none."""
    path = posixpath.normpath(path)
    return path in _repository() if _repository() else not path.startswith(("/", "..")) and (REPOSITORY / path).exists()


@cache
def _repository() -> frozenset[str]:
    """Return the repository's files and folders, without files that runs leave behind; none if this is no clone."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)  # noqa: S603
    files = [Path(name) for name in listed.stdout.split("\0") if name]
    return frozenset(path.as_posix() for file in files for path in (file, *file.parents))


def _file(path: str, folder: Path, config: MkDocsConfig) -> File:
    file = File(path, str(folder), config.site_dir, config.use_directory_urls, dest_uri=_address(path))
    if path not in FIRST and Path(path).stem in ("README", "index"):
        # For a page beside others, because the navigation would take it for the heading of its part.
        file.name = Path(path).parent.name
    return file


def _address(path: str) -> str:
    """Return the address of a repository's file on the site: `docs/DATA_CONTRACTS.md` is at `data-contracts/`."""
    place = path.removeprefix("docs/")
    if not place.endswith(".md"):
        return place
    if path.startswith("docs/") or "/" not in path:
        place = place.lower().replace("_", "-")
    # The repository has two pages of this name: how to report a fault, and docs/SECURITY.md.
    place = "reporting.md" if path == "SECURITY.md" else place
    return posixpath.join(
        re.sub(r"(^|/)(readme|index)$", "", place.removesuffix(".md"), flags=re.IGNORECASE), "index.html"
    )


def _groups_of_decisions(index: Path) -> Iterator[dict[str, list[str]]]:
    """Yield the records of each section of the index, in its order."""
    for section in index.read_text(encoding="utf-8").split("\n## ")[1:]:
        title, _, table = section.partition("\n")
        records = re.findall(r"^\| \[\d{4}\]\((\d{4}-[\w-]+\.md)\)", table, re.MULTILINE)
        yield {title: [f"docs/decisions/{record}" for record in records]}


def _pages(folder: Path, pattern: str, *, first: str) -> list[str]:
    return [first, *sorted({path.as_posix() for path in _below(folder, pattern)} - {first})]


def _below(folder: Path, pattern: str) -> Iterator[Path]:
    return (path.relative_to(folder) for path in sorted(folder.glob(pattern)) if path.is_file())


def _paths(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for entry in nav.values() if isinstance(nav, dict) else nav:
            yield from _paths(entry)


def _title(page: Path) -> str:
    found = re.search(r"^# (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError(f"{page} has no title: its first line is `# Title`")
    return found[1]

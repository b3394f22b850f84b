"""Checks the built site: each link leads to an existing page and anchor; nothing is loaded from another host.

`python docs/site/check.py FOLDER [ADDRESS]`. ADDRESS is where the site will be published. It uses no network, so links
to other hosts are not checked.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from bs4 import BeautifulSoup

APART = ("models/index.html", "lineage/index.html")
"""Pages of one script, which makes their content in the browser: there it is tried what they load."""
LOADED = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "img": ("src", "srcset"),
    "link": ("href",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "track": ("src",),
    "video": ("src", "poster"),
}
"""What a browser fetches by itself, by element and attribute."""
NAMED = {"alternate", "author", "canonical", "license", "next", "prev"}
"""Relations of `<link>` that only name an address."""
ELSEWHERE = re.compile(r"\s*(https?:)?//", re.IGNORECASE)
FETCHED = re.compile(r"(?:url\(|@import\s+)\s*['\"]?((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)


def main(site: Path, address: str = "") -> int:
    """Print the faults. Return the exit code, which is 1 if there are any."""
    found = [*foreign(site), *broken(site, urlsplit(address).path or "/")]
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


def foreign(site: Path) -> Iterator[str]:
    """Yield a line for each thing that a page or a style sheet loads from another host."""
    for page in sorted(site.rglob("*.html")):
        name = page.relative_to(site)
        for element, attribute, address in _loads(page):
            if ELSEWHERE.match(address):
                yield f"{name}: <{element} {attribute}> is loaded from {address}"
        for style in _document(page).find_all("style"):
            yield from (f"{name}: a style loads {address}" for address in FETCHED.findall(style.text))
    for sheet in sorted(site.rglob("*.css")):
        loaded = FETCHED.findall(sheet.read_text(encoding="utf-8"))
        yield from (f"{sheet.relative_to(site)}: loads {address}" for address in loaded)


def broken(site: Path, root: str = "/") -> Iterator[str]:
    """Yield a line for each link, and each loaded file, whose target is not on the site.

    `root` is the path of its first page.
    """
    pages = [page for page in sorted(site.rglob("*.html")) if page.relative_to(site).as_posix() not in APART]
    if not pages:
        yield f"{site}: there is no page"
    for page in pages:
        name = page.relative_to(site)
        links = [str(link["href"]) for link in _document(page).find_all("a", href=True)]
        for address in {*links, *(address for _, attribute, address in _loads(page) if attribute != "srcset")}:
            if (
                not urlsplit(address).scheme
                and not ELSEWHERE.match(address)
                and not _is_there(site, root, page, address)
            ):
                yield f"{name}: {address} leads nowhere"


def _loads(page: Path) -> Iterator[tuple[str, str, str]]:
    for element in _document(page).find_all(list(LOADED)):
        if element.name == "link" and NAMED & set(element.get("rel") or ()):
            continue
        for attribute in LOADED[element.name]:
            if element.get(attribute):
                yield element.name, attribute, str(element[attribute])


def _is_there(site: Path, root: str, page: Path, address: str) -> bool:
    parts = urlsplit(urljoin(root + page.relative_to(site).as_posix(), address))
    if not parts.path.startswith(root):
        return False
    target = site / unquote(parts.path.removeprefix(root))
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return False
    if not parts.fragment or target.relative_to(site).as_posix() in APART:
        return True
    return unquote(parts.fragment) in _anchors(target)


@cache
def _document(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


@cache
def _anchors(page: Path) -> set[str]:
    document = _document(page)
    return {str(element.get("id") or element.get("name")) for element in document.select("[id], a[name]")} | {"__top"}


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), *sys.argv[2:]))

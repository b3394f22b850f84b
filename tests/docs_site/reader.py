"""A reader of the documentation's site: opens its pages in a headless Chromium, and reports contents and requests.

    .venv-browser/bin/python -m tests.docs_site.reader http://127.0.0.1:8000 pictures/

Run in the environment of requirements/browser.txt. Prints one JSON object; pages are kept as PNGs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.browser import window

PAGES = ("", "architecture/", "dbt/", "contracts/orders/", "decisions/", "runbook/", "pictures/", "models/", "lineage/")


def main(address: str, pictures: Path) -> None:
    """Print the requests of each page, and its contents."""
    pictures.mkdir(parents=True, exist_ok=True)
    with window() as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        seen: dict[str, Any] = {path: _look(page, address, path, pictures) for path in PAGES}
        seen["search"] = _search(page, address, "horizon")
        seen["dark"] = _in_the_dark(page, address, pictures)
    print(json.dumps({"asked": asked, "seen": seen}))


def _look(page: Page, address: str, path: str, pictures: Path) -> dict[str, Any]:
    page.goto(f"{address}/{path}", wait_until="networkidle")
    # A diagram is drawn in a closed shadow: what is to be seen of it here is that it has a height.
    heights = "[...document.querySelectorAll('div.mermaid')].map(e => e.getBoundingClientRect().height)"
    page.screenshot(path=pictures / f"{path.strip('/').replace('/', '-') or 'start'}.png")
    return {
        "title": page.title(),
        "text": page.inner_text("body"),
        "diagrams": page.evaluate(heights),
        "undrawn": page.locator("pre.mermaid").count(),
        "broken": page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"),
    }


def _search(page: Page, address: str, word: str) -> list[str]:
    page.goto(f"{address}/", wait_until="networkidle")
    query = page.locator("[data-md-component=search-query]")
    query.click()
    query.press_sequentially(word)
    found = page.locator(".md-search-result__item h1")
    expect(found.first).to_be_visible(timeout=60_000)
    return found.all_inner_texts()


def _in_the_dark(page: Page, address: str, pictures: Path) -> str:
    # Another reader: the first one's choice is kept.
    browser = page.context.browser
    assert browser is not None
    page = browser.new_page(color_scheme="dark")
    page.goto(f"{address}/architecture/", wait_until="networkidle")
    page.screenshot(path=pictures / "architecture-dark.png")
    return str(page.evaluate("document.body.getAttribute('data-md-color-scheme')"))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

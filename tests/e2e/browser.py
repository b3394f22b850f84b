"""A user of Prefect's UI: opens pages in a headless Chromium, clicks, and reports the text on them.

    .venv-browser/bin/python -m tests.e2e.browser run http://127.0.0.1:4200 pictures/ full <flow>

Run in the environment of requirements/browser.txt by `ui.py`. Prints one JSON object; every page is kept as a PNG.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from playwright.sync_api import Error, Locator, Page, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_VIEWPORT = {"width": 1440, "height": 1000}
_RUN_MILLISECONDS = 600_000
_ANALYTICS_MILLISECONDS = 60_000
ANALYTICS = ("", "campaigns", "list-health", "sales", "stock", "price-history", "data-quality", "runs")
"""The paths of the pages over the marts."""
_SLOW_MOTION = """{
    const draw = requestAnimationFrame;
    window.requestAnimationFrame = frame => window.slowMotion ? setTimeout(() => draw(frame), 250) : draw(frame);
}"""
"""Without a GPU, the graph of a run, drawn sixty times a second, takes the processor that the run needs."""
_AT_REST = "document.getAnimations().every(moving => !(moving instanceof CSSTransition))"
_TABS = {
    "Logs": "text=handed out",
    "Task Runs": "a[href^='/task-runs/']",
    "Subflow Runs": "a[href^='/flow-runs/']",
    "Artifacts": "a[href^='/artifacts/']",
}
"""The tabs of a run's page, and what is to be seen in each."""
_ENDED = re.compile("^(Completed|Failed|Crashed|Cancelled)$")


class Visitor:
    """A browser window on the UI at `url`."""

    def __init__(self, page: Page, url: str, pictures: Path) -> None:
        self.page = page
        self.url = url
        self.pictures = pictures
        self.pictured = 0

    def deployments(self, flow: str) -> list[str]:
        """Open the list of deployments. Return the names of `flow`'s and others'."""
        self.page.goto(f"{self.url}/deployments")
        links = self.page.locator("a[href^='/deployments/deployment/']")
        self.page.get_by_role("row").filter(has_text=flow).first.wait_for()
        self.picture("deployments")
        return sorted(links.all_inner_texts())

    def open_deployment(self, name: str, flow: str) -> None:
        """Open the page of a deployment from the list of deployments."""
        row = self.page.get_by_role("row").filter(has_text=flow)
        row.get_by_role("link", name=name, exact=True).click()
        self.page.get_by_role("button", name="Run", exact=True).wait_for()
        self.picture(f"deployment-{name}")

    def quick_run(self) -> dict[str, Any]:
        """Click Run, Quick run. Watch the run's page until it has ended, without reloading it."""
        self.page.get_by_role("button", name="Run", exact=True).click()
        self.page.get_by_text("Quick run").click()
        told = self.page.locator(".toast-flow-run-create__message").first.inner_text()
        name = told.split()[0]
        # The list below fetches its runs now and then.
        self.page.get_by_role("link", name=name, exact=True).first.click(timeout=_RUN_MILLISECONDS)
        self.page.wait_for_url("**/flow-runs/flow-run/*")
        seen = self._watch(name)
        return {"run": name, "run_id": self.page.url.split("/flow-run/")[1].split("?")[0], "states": seen}

    def _watch(self, name: str) -> list[str]:
        """Return the states that the page shows, one after the other, until a final one."""
        badge = self.heading_badge(name)
        self.page.evaluate("window.slowMotion = true")
        seen: list[str] = []
        while not seen or not _ENDED.match(seen[-1]):
            badge.filter(has_not_text=seen[-1] if seen else "-").wait_for(timeout=_RUN_MILLISECONDS)
            seen.append(badge.inner_text().strip())
            self.picture(f"run-{seen[-1].lower()}", at_rest=False)
        self.page.evaluate("window.slowMotion = false")
        return seen

    def heading_badge(self, name: str) -> Locator:
        """Return the badge of the run's own state, on its page."""
        self.page.locator(".page-heading__crumbs, .page-heading", has_text=name).first.wait_for()
        return self.page.locator(".flow-run-page-heading__header-meta .state-badge, .page-heading .state-badge").first

    def tab(self, name: str) -> str:
        """Open a tab of a run's page. Return its text."""
        chosen = self.page.locator(".p-tab__active", has_text=name)
        while not chosen.count():
            # A click on a page that is still being put together is lost.
            self.page.locator(".p-tab", has_text=name).first.click()
            self.page.wait_for_timeout(200)
        content = self.page.locator(".p-tabs__content")
        content.locator(_TABS[name]).first.wait_for()
        self.picture(f"tab-{name.lower().replace(' ', '-')}")
        return content.inner_text()

    def artifact(self, key: str) -> str:
        """Open the page of an artifact from a run's artifacts. Return its text."""
        self.page.get_by_role("link", name=key).first.click()
        shown = self.page.locator(".artifact-data-view")
        shown.locator("table, article").first.wait_for()
        self.picture(f"artifact-{key}")
        text = shown.inner_text()
        self.page.go_back()
        return text

    def custom_run(self) -> str:
        """Click Run, Custom run. Return the form's text."""
        self.page.get_by_role("button", name="Run", exact=True).click()
        self.page.get_by_text("Custom run").click()
        self.page.get_by_text("Validate parameters before submitting").wait_for()
        self.picture("custom-run")
        return self.page.locator("form").first.inner_text()

    def picture(self, name: str, *, at_rest: bool = True) -> None:
        """Save a picture of the page once nothing moves any more."""
        self.pictured += 1
        if at_rest:
            self.page.wait_for_function(_AT_REST)
        self.page.screenshot(path=self.pictures / f"{self.pictured:02d}-{name}.png", full_page=True)


def run(visitor: Visitor, deployment: str, flow: str) -> dict[str, Any]:
    """Start a run by clicks, watch it to its end, and open its artifacts."""
    facts: dict[str, Any] = {"deployments": visitor.deployments(flow)}
    visitor.open_deployment(deployment, flow)
    facts |= visitor.quick_run()
    for tab in _TABS:
        facts[tab] = visitor.tab(tab)
    for key in ("run-summary", "run-reconciliation"):
        visitor.tab("Artifacts")
        facts[key] = visitor.artifact(key)
    return facts


def form(visitor: Visitor, deployment: str, flow: str) -> dict[str, Any]:
    """Return the form of a custom run."""
    visitor.deployments(flow)
    visitor.open_deployment(deployment, flow)
    return {"form": visitor.custom_run()}


def page(visitor: Visitor, path: str, words: str) -> dict[str, Any]:
    """Return any page, by its path, as soon as it shows these words."""
    visitor.page.goto(f"{visitor.url}{path}")
    visitor.page.get_by_text(words).first.wait_for()
    visitor.picture(Path(path).parent.name)
    return {"text": visitor.page.locator("#app").inner_text()}


def foreign(visitor: Visitor, methods: str, paths: str) -> dict[str, Any]:
    """Return the results of a foreign page's requests to Prefect's API: readable responses, or the browser's refusals.

    `methods` and `paths` are comma-separated lists.
    """
    elsewhere = "http://elsewhere.example/"
    visitor.page.route(elsewhere, lambda route: route.fulfill(body="<p>another origin</p>", content_type="text/html"))
    visitor.page.goto(elsewhere)
    ask = """([url, method]) => fetch(url, {method, body: method === 'GET' ? undefined : '{}',
               headers: method === 'GET' ? {} : {'content-type': 'application/json'}})
               .then(answer => answer.text()).catch(refusal => String(refusal))"""
    asked = zip(methods.split(","), paths.split(","), strict=True)
    return {"read": [visitor.page.evaluate(ask, [f"{visitor.url}{path}", method]) for method, path in asked]}


def analytics(visitor: Visitor, period: str, country: str) -> dict[str, Any]:
    """Open each page over the marts, over a period; one filtered by a country, one downloaded; light, then dark and
    narrow.

    Return `exceptions`, the number of failed parts; `hosts`, the hosts of all requests; `unnamed`, the number of charts
    without a description; `focused`, the elements that the key Tab reaches.
    """
    page, hosts = visitor.page, set[str]()
    page.set_viewport_size({"width": 1440, "height": 1900})  # what scrolls is within the page
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    facts: dict[str, Any] = {"texts": {}, "exceptions": 0, "unnamed": 0}
    for path in ANALYTICS:
        _open_analytics(visitor, path, period)
        facts["texts"][path or "overview"] = page.locator("[data-testid=stMain]").inner_text()
        facts["exceptions"] += page.locator("[data-testid=stException]").count()
        charts = page.locator("[data-testid=stVegaLiteChart]:not([data-testid=stMetric] *)")
        facts["unnamed"] += charts.count() - charts.filter(has=page.locator("[aria-label]")).count()
        visitor.picture(f"analytics-{path or 'overview'}")
    _open_analytics(visitor, "", period)
    facts["focused"] = _by_keyboard(page, 20)
    _open_analytics(visitor, "campaigns", period)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    facts["csv"] = Path(download.value.path()).read_text(encoding="utf-8")
    _open_analytics(visitor, "", period)
    orders = page.locator("[data-testid=stMetric]", has_text="Orders").first
    unfiltered = orders.inner_text()
    box = page.get_by_role("combobox", name="Countries")
    box.focus()
    page.keyboard.type(country)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    orders.filter(has_not_text=unfiltered.split()[1]).wait_for(timeout=_ANALYTICS_MILLISECONDS)
    _at_rest(page)
    facts["filtered"] = page.locator("[data-testid=stMain]").inner_text()
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 420, "height": 900})
    _open_analytics(visitor, "", period)
    visitor.picture("analytics-dark-narrow")
    return facts | {"hosts": sorted(hosts)}


def _open_analytics(visitor: Visitor, path: str, period: str) -> None:
    visitor.page.goto(f"{visitor.url}/{path}?period={quote(period)}")
    visitor.page.get_by_text("Data as of").first.wait_for(timeout=_ANALYTICS_MILLISECONDS)
    _at_rest(visitor.page)


def _by_keyboard(page: Page, times: int) -> list[str]:
    """Return the names of the focused elements after each press of Tab.

    An icon's name stands on a line before a link's.
    """
    names = []
    for _ in range(times):
        page.keyboard.press("Tab")
        named = page.evaluate("document.activeElement.ariaLabel || document.activeElement.innerText || ''")
        names.append(named.strip().split("\n")[-1])
    return names


def _at_rest(page: Page) -> None:
    """Wait until nothing is being computed, no part is outdated, and each part is drawn.

    Streamlit fetches the code of a kind of part when a page first holds one. Until then it shows a skeleton.
    """
    page.wait_for_function(
        "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning' "
        "&& !document.querySelector('[data-stale=true], [data-testid=stSkeleton]') "
        "&& !document.querySelector('[data-testid=stVegaLiteChart]:not(:has(canvas, svg))')",
        timeout=_ANALYTICS_MILLISECONDS,
    )


VISITS = {"run": run, "analytics": analytics, "form": form, "page": page, "foreign": foreign}


@contextmanager
def window() -> Iterator[Page]:
    """Yield a page of the machine's Chromium. CHROMIUM names it; otherwise it is found on PATH."""
    binary = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        # Chromium's sandbox needs privileges that root in a container has given up; the pages are our own.
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=binary, args=options)
        try:
            page = browser.new_page(viewport=_VIEWPORT, locale="en-GB", timezone_id="UTC")
            page.add_init_script(_SLOW_MOTION)
            yield page
        finally:
            browser.close()


def main() -> int:
    """Run the command. Return the exit code."""
    parser = argparse.ArgumentParser(description="Visit Prefect's UI.")
    parser.add_argument("visit", choices=VISITS)
    parser.add_argument("url")
    parser.add_argument("pictures", type=Path)
    parser.add_argument("arguments", nargs=2)
    given = parser.parse_args()
    given.pictures.mkdir(parents=True, exist_ok=True)
    with window() as opened:
        visitor = Visitor(opened, given.url, given.pictures)
        try:
            facts = VISITS[given.visit](visitor, *given.arguments)
        except Error as error:
            visitor.picture("failed", at_rest=False)
            print(f"{opened.url}: {error}", file=sys.stderr)
            return 1
    print(json.dumps(facts))
    return 0


if __name__ == "__main__":
    sys.exit(main())

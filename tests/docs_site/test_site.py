"""The documentation's site, as `make docs` has built it: nothing is loaded from elsewhere, and it can be read."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.e2e.ui import PYTHON, browser_problem

REPOSITORY = Path(__file__).parents[2]
SITE = REPOSITORY / ".site" / "html"
PICTURES = REPOSITORY / ".site" / "pictures"


def check(site: Path, address: str = "") -> subprocess.CompletedProcess[str]:
    program = [str(REPOSITORY / ".venv-docs" / "bin" / "python"), "docs/site/check.py", str(site), address]
    return subprocess.run(program, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_it_is_built_with_every_page_and_part() -> None:
    assert (SITE / "index.html").is_file(), "`make docs` builds it"
    for page in (REPOSITORY / "docs").glob("*.md"):
        assert (SITE / page.stem.lower().replace("_", "-") / "index.html").is_file(), page.name
    for record in (REPOSITORY / "docs" / "decisions").glob("[0-9]*.md"):
        assert (SITE / "decisions" / record.stem / "index.html").is_file(), record.name
    for contract in (REPOSITORY / "ingest" / "contracts").glob("*.odcs.yaml"):
        assert (SITE / "contracts" / contract.name.removesuffix(".odcs.yaml") / "index.html").is_file(), contract.name


def test_it_says_nothing_of_the_machine_that_built_it() -> None:
    told = [page for page in SITE.rglob("*") if page.is_file() and str(REPOSITORY).encode() in page.read_bytes()]
    assert told == []


@pytest.mark.parametrize(
    ("page", "wrong"),
    [
        ('<a href="gone/">x</a>', "gone/ leads nowhere"),
        ('<a href="#gone">x</a>', "#gone leads nowhere"),
        ('<a href="other.html#gone">x</a>', "other.html#gone leads nowhere"),
        ('<a href="/elsewhere/other.html">x</a>', "/elsewhere/other.html leads nowhere"),
        ('<img src="gone.png">', "gone.png leads nowhere"),
        ('<script src="https://cdn.example/x.js"></script>', "<script src> is loaded from https://cdn.example/x.js"),
        ('<link rel="preconnect" href="//fonts.example">', "<link href> is loaded from //fonts.example"),
        ('<img srcset="https://cdn.example/x.png 2x">', "<img srcset> is loaded from https://cdn.example/x.png 2x"),
        ("<style>@import 'https://cdn.example/x.css';</style>", "a style loads https://cdn.example/x.css"),
        ("<style>b { background: url(//cdn.example/x) }</style>", "a style loads //cdn.example/x"),
    ],
)
def test_the_check_finds_what_leads_nowhere_and_what_is_loaded_from_elsewhere(
    tmp_path: Path, page: str, wrong: str
) -> None:
    good = '<a href="other.html#here">x</a> <a href="/base/">x</a> <a href="https://example.com/x">x</a>'
    (tmp_path / "index.html").write_text(good + page)
    (tmp_path / "other.html").write_text('<h1 id="here">x</h1>')

    assert check(tmp_path, "https://shop.example/base/").stderr == f"index.html: {wrong}\n"


def test_a_contract_that_is_not_of_the_standard_is_named_and_has_no_page(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "ingest" / "contracts", tmp_path / "contracts")
    broken = tmp_path / "contracts" / "orders.odcs.yaml"
    broken.write_text(broken.read_text().replace("logicalType: timestamp", "logicalType: moment"))
    program = [str(REPOSITORY / ".venv-datacontract" / "bin" / "python"), "docs/site/contracts.py"]

    done = subprocess.run(
        [*program, str(tmp_path / "pages"), str(tmp_path / "contracts")],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("orders.odcs.yaml: ")
    assert "moment" in done.stderr
    assert not (tmp_path / "pages").exists()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextmanager
def served(site: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def reading() -> dict[str, Any]:
    """The requests and contents that a reader's browser reported."""
    problem = browser_problem()
    if problem:
        pytest.skip(problem)
    with served(SITE) as address:
        command = [str(PYTHON), "-m", "tests.docs_site.reader", address, str(PICTURES)]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        facts: dict[str, Any] = json.loads(done.stdout)
        return facts | {"address": address}


def test_a_browser_asks_no_other_host_for_anything(reading: dict[str, Any]) -> None:
    local = (reading["address"], "data:", "blob:")
    assert reading["asked"]
    assert [url for url in reading["asked"] if not url.startswith(local)] == []


def test_pages_diagrams_and_pictures_are_to_be_seen(reading: dict[str, Any]) -> None:
    seen = reading["seen"]
    for path in ("", "architecture/", "dbt/"):
        assert seen[path]["diagrams"], path
        assert min(seen[path]["diagrams"]) > 80, path
        assert seen[path]["undrawn"] == 0, f"{path}: a diagram is shown as its text"
    assert [path for path in seen if path.endswith("/") and path != "models/" and seen[path]["broken"]] == []
    assert "Lineage" in seen["lineage/"]["text"]
    assert "RAW holds every landed version of every row." in seen["models/"]["text"]
    assert "One row per order." in seen["contracts/orders/"]["text"]


def test_search_finds_and_the_reader_s_scheme_is_kept(reading: dict[str, Any]) -> None:
    assert any("horizon" in title.lower() for title in reading["seen"]["search"])
    assert reading["seen"]["dark"] == "slate"

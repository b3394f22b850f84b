"""Pages as a reader sees them: on full, empty and half-built marts, and without any warehouse."""

from __future__ import annotations

import os
import socket
import sys
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

import analytics
from analytics.__main__ import health
from analytics.app import PAGES
from analytics.settings import Settings
from analytics.warehouse.duckdb_file import DuckDBFile
from analytics.warehouse.source import Republished, Unavailable
from tests.analytics.conftest import Open
from tests.analytics.marts import DATABASE, LAST_DAY, Shop, record, write

PATHS = [entry.path for entry in PAGES]


def words(page: AppTest) -> str:
    """Return all text of a page."""
    parts = [*page.title, *page.caption, *page.markdown, *page.warning]
    return "\n".join(str(part.value) for part in parts)


@pytest.mark.parametrize("path", PATHS)
def test_a_page_shows_figures_and_of_which_publication_they_are(open_page: Open, warehouse: Path, path: str) -> None:
    page = open_page(path, warehouse)

    assert not page.exception
    assert not page.warning
    assert "Data as of **14 Mar 2028, 12:30 UTC**" in words(page)
    assert "published 14 Mar 2028, 13:00 UTC by run `amber-fox`" in words(page)
    assert "all 9 streams equal to the source" in words(page)
    assert page.metric or page.selectbox(key="product").value is not None


def test_streams_that_were_not_compared_or_failed_are_named(open_page: Open, shop: Shop, tmp_path: Path) -> None:
    told = record(streams_equal=6, uncounted_streams="orders, products", failed_streams="campaigns")
    write(tmp_path, shop.tables, publication=told)

    seen = words(open_page("overview", tmp_path))

    assert "orange-badge" in seen
    assert "6 of 9 streams compared with the source" in seen
    assert "not counted at the source by this run: orders, products" in seen
    assert "Nothing new was landed of: campaigns" in seen


def test_a_run_that_counted_some_sources_is_no_warning(open_page: Open, shop: Shop, tmp_path: Path) -> None:
    write(tmp_path, shop.tables, publication=record(streams_equal=7, uncounted_streams="orders, products"))

    seen = words(open_page("overview", tmp_path))

    assert "orange-badge" not in seen
    assert "no difference found, 7 of 9 streams" in seen


@pytest.mark.parametrize("path", PATHS)
def test_a_page_on_empty_marts_says_that_there_is_nothing(
    open_page: Open, shop: Shop, tmp_path: Path, path: str
) -> None:
    write(tmp_path, {name: [] for name in shop.tables}, publication=record())

    page = open_page(path, tmp_path)

    assert not page.exception
    assert {metric.value for metric in page.metric} <= {"\u2013", "0", "€0.00"}
    empty = ("Nothing in this period", "no product", "No run has been recorded yet")
    assert any(word in words(page) for word in empty) or page.metric


@pytest.mark.parametrize("path", PATHS)
def test_a_page_on_half_built_marts_shows_what_is_there(open_page: Open, shop: Shop, tmp_path: Path, path: str) -> None:
    gone = ("fct_email_messages", "fct_stock_movements", "fct_order_lines", "ops_dbt_results")
    write(tmp_path, {name: rows for name, rows in shop.tables.items() if name not in gone})

    page = open_page(path, tmp_path)

    assert not page.exception
    assert "do not say which run published them" in words(page)
    assert "The marts are not those that this page knows" in words(page)
    assert "Traceback" not in words(page)


def test_without_a_dimension_a_page_says_so(open_page: Open, shop: Shop, tmp_path: Path) -> None:
    write(tmp_path, {name: rows for name, rows in shop.tables.items() if name != "dim_campaign"})

    page = open_page("overview", tmp_path)

    assert not page.exception
    assert "dim\\_campaign" in words(page)


@pytest.mark.parametrize("path", PATHS)
def test_where_nothing_is_published_a_page_says_what_to_do(open_page: Open, tmp_path: Path, path: str) -> None:
    page = open_page(path, tmp_path)

    assert not page.exception
    [warning] = page.warning
    assert "Nothing is published in" in warning.value
    assert "make demo" in warning.value


def test_a_file_that_is_no_database_is_named(open_page: Open, tmp_path: Path) -> None:
    file = tmp_path / "published" / f"{DATABASE}.duckdb"
    file.parent.mkdir()
    file.write_text("not a database, and <b>*bold*</b>" * 500)

    page = open_page("overview", tmp_path)

    assert not page.exception
    assert "cannot be opened" in words(page)


def test_another_schema_is_named(open_page: Open, warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MART_SCHEMA", 'ELSE"WHERE')
    assert "has no schema" in words(open_page("overview", warehouse))


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"WAREHOUSE": "oracle"}, "WAREHOUSE is 'oracle'"),
        ({"WAREHOUSE": "snowflake"}, "Set SNOWFLAKE\\_ACCOUNT"),
        ({"WAREHOUSE": "snowflake", "SNOWFLAKE_ACCOUNT": "a-b"}, "the reader has no key"),
        ({"WAREHOUSE": "snowflake", "SNOWFLAKE_ACCOUNT": "a-b", "SNOWFLAKE_PASSWORD": "p"}, "for an emulator"),
        ({"QUERY_TIMEOUT_SECONDS": "soon"}, "QUERY\\_TIMEOUT\\_SECONDS is 'soon'"),
        (
            {"WAREHOUSE": "snowflake", "SNOWFLAKE_ACCOUNT": "a-b", "SNOWFLAKE_READER_PRIVATE_KEY_PATH": "/none.pem"},
            "The reader's key cannot be read",
        ),
        (
            {"WAREHOUSE": "snowflake", "SNOWFLAKE_ACCOUNT": "a-b", "SNOWFLAKE_READER_PRIVATE_KEY": "no key"},
            "is no private key in PEM",
        ),
    ],
)
def test_bad_settings_are_a_sentence(
    open_page: Open, warehouse: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], told: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    page = open_page("overview", warehouse)

    assert not page.exception
    assert told in words(page)


def test_an_account_that_does_not_answer_is_a_sentence(
    open_page: Open, warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    for name, value in {
        "WAREHOUSE": "snowflake", "SNOWFLAKE_ACCOUNT": "a-b", "SNOWFLAKE_PASSWORD": "secret-word",
        "SNOWFLAKE_HOST": "127.0.0.1", "SNOWFLAKE_PORT": str(port), "SNOWFLAKE_PROTOCOL": "http",
        "SNOWFLAKE_LOGIN_TIMEOUT_SECONDS": "1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    page = open_page("overview", warehouse)

    assert not page.exception
    assert "Snowflake does not answer at 127.0.0.1" in words(page)
    assert "tries again when you reload" in words(page)
    assert "secret-word" not in words(page)


def test_a_day_that_is_not_over_is_named(open_page: Open, warehouse: Path) -> None:
    page = open_page("overview", warehouse)
    assert "The last day counts up to 12:30 UTC." in words(page)

    page.selectbox(key="period").set_value("Own range").run()
    page.date_input(key="days").set_value((LAST_DAY - timedelta(days=3), LAST_DAY - timedelta(days=1))).run()
    assert "counts up to" not in words(page)


def test_filters_change_the_figures(open_page: Open, warehouse: Path) -> None:
    page = open_page("overview", warehouse)
    everything = {metric.label: metric.value for metric in page.metric}

    page.multiselect(key="country").select("NL").run()
    dutch = {metric.label: metric.value for metric in page.metric}
    page.multiselect(key="category").select("garden 'n' home").run()
    page.multiselect(key="campaign").select("k1").run()
    page.selectbox(key="period").set_value("Own range").run()
    page.date_input(key="days").set_value((LAST_DAY, LAST_DAY)).run()

    assert not page.exception
    assert not page.warning
    assert len({everything["Orders"], dutch["Orders"], page.metric[1].value}) == 3


def test_a_new_publication_is_shown_and_the_old_file_is_let_go(open_page: Open, shop: Shop, tmp_path: Path) -> None:
    published = write(tmp_path, shop.tables, publication=record("first"))
    page = open_page("overview", tmp_path)
    assert "by run `first`" in words(page)
    if sys.platform == "linux":
        held = {str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}
        assert str(published) not in held

    write(tmp_path, shop.tables, publication=record("second"))

    assert "by run `second`" in words(page.run())


def test_one_look_is_of_one_publication(shop: Shop, tmp_path: Path) -> None:
    write(tmp_path, {}, publication=record("first"))
    source = DuckDBFile(Settings.of({"WAREHOUSE_DIR": str(tmp_path)}))
    before = source.publication_id()
    write(tmp_path, {}, publication=record("second"))

    with pytest.raises(Republished), source.session(before):
        pass
    with source.session(source.publication_id()) as session:
        write(tmp_path, {}, publication=record("third"))
        assert session.query("select run_id from _publication", ()).rows == (("second",),)


@pytest.mark.parametrize(
    "sql",
    [
        "create table t (n int)",
        "insert into _publication select * from _publication",
        "copy _publication to '/tmp/analytics-must-not-write.csv'",
        "select * from read_text('/etc/hostname')",
        "attach '/tmp/analytics-other.duckdb'",
        "set enable_external_access = true",
    ],
)
def test_a_session_reads_the_marts_and_does_nothing_else(tmp_path: Path, sql: str) -> None:
    write(tmp_path, {}, publication=record())
    source = DuckDBFile(Settings.of({"WAREHOUSE_DIR": str(tmp_path)}))

    with source.session(source.publication_id()) as session, pytest.raises(Unavailable):
        session.query(sql, ())


def test_a_query_is_bounded_in_rows_and_time(tmp_path: Path) -> None:
    write(tmp_path, {}, publication=record())
    source = DuckDBFile(Settings.of({"WAREHOUSE_DIR": str(tmp_path), "QUERY_TIMEOUT_SECONDS": "0.2"}))

    with source.session(source.publication_id()) as session:
        with pytest.raises(Unavailable, match="more than 10,000 rows"):
            session.query("select * from range(20000)", ())
        with pytest.raises(Unavailable, match=r"longer than 0\.2 s"):
            session.query("select count(*) from range(1000000) a, range(1000000) b where a.range + b.range = 1", ())


class Answer(BaseHTTPRequestHandler):
    """A handler of HTTP requests on a server that is up but unknown."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.mark.parametrize("is_published", [True, False])
def test_healthy_is_what_renders_a_page_also_before_the_first_run(
    warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_published: bool
) -> None:
    monkeypatch.setenv("WAREHOUSE_DIR", str(warehouse if is_published else tmp_path))
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        rendered = tmp_path / "rendered"
        assert health(server.server_port, rendered) == 0
        assert rendered.exists()
        server.shutdown()


def test_a_page_that_rendered_stands_for_five_minutes_and_a_server_that_is_away_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = SimpleNamespace(title=["Overview"], exception=["it broke"])
    broken.run = lambda: broken
    monkeypatch.setattr(AppTest, "from_file", lambda *_, **__: broken)
    rendered = tmp_path / "rendered"
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        rendered.touch()
        assert health(server.server_port, rendered) == 0
        os.utime(rendered, (0, 0))
        assert health(server.server_port, rendered) == 1
        server.shutdown()
    with pytest.raises(OSError, match="refused"):
        health(server.server_port, rendered)


def test_the_period_before_ends_where_the_period_begins() -> None:
    from analytics.filters import Filters

    chosen = Filters(LAST_DAY - timedelta(days=6), LAST_DAY)

    assert (chosen.before.first_day, chosen.before.last_day) == (
        LAST_DAY - timedelta(days=13), LAST_DAY - timedelta(days=7),
    )  # fmt: skip


def test_no_folder_is_called_as_the_one_that_streamlit_would_run_by_itself() -> None:
    """With a folder `pages` beside the entry, the first visitor of a server who opens /runs sees an empty page."""
    assert not (Path(analytics.__file__).parent / "pages").exists()

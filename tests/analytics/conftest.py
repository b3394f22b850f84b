"""A shop, its marts published in a folder, and pages run without a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.analytics.marts import Shop, invent, record, write
from tests.analytics.runs import NOW

Open = Callable[..., AppTest]


@pytest.fixture(scope="session")
def shop() -> Shop:
    return invent()


@pytest.fixture(scope="session")
def warehouse(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("full")
    write(folder, shop.tables, publication=record())
    return folder


@pytest.fixture(autouse=True)
def _nothing_cached(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("WAREHOUSE", "WAREHOUSE_DIR", "WAREHOUSE_DATABASE", "MART_SCHEMA", "DUCKDB_MEMORY_LIMIT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("analytics.clock.now", lambda: NOW)
    st.cache_data.clear()
    st.cache_resource.clear()
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Open:
    """Return a function that runs a page by its path on a warehouse's folder, with query parameters."""

    def opened(path: str, folder: Path, **query: str) -> AppTest:
        monkeypatch.setenv("WAREHOUSE_DIR", str(folder))
        script = (
            f"from analytics.app import PAGES, draw\ndraw(next(entry for entry in PAGES if entry.path == {path!r}))"
        )
        page = AppTest.from_string(script, default_timeout=60)
        for name, value in query.items():
            page.query_params[name] = value
        return page.run()

    return opened

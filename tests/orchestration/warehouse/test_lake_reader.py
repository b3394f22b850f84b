"""The reader of the lake uses nothing of the machine but the extension of the locked wheel."""

from __future__ import annotations

from contextlib import closing

import duckdb
import pytest

from ingest.settings import LakeSettings
from orchestration.warehouse.duckdb.lake_reader import LakeAccess, open_duckdb
from tests.orchestration.conftest import as_shipped


def test_the_extension_is_loaded_where_signatures_are_checked_and_none_is_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(duckdb, "connect", as_shipped)
    with closing(open_duckdb(None)) as connection:
        LakeAccess(LakeSettings(bucket="lake")).load_extension(connection)
        checked = "select current_setting('allow_unsigned_extensions'), current_setting('autoinstall_known_extensions')"
        assert connection.execute(checked).fetchall() == [(False, False)]
        loaded = "select extension_name from duckdb_extensions() where loaded and extension_name = 'httpfs'"
        assert connection.execute(loaded).fetchall() == [("httpfs",)]

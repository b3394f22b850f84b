"""The tables of the ephemeral API equal those that Prefect itself makes."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from prefect.server.database.dependencies import temporary_database_config
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, PREFECT_API_URL, PREFECT_HOME, temporary_settings

from orchestration.prefect.operate.api import prefect_api

_PARTS = re.compile(r"[\s,]+")
"""Prefect's migrations write a table's constraints in any order."""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A database that was made for the ephemeral API."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.delenv("PREFECT_API_DATABASE_CONNECTION_URL", raising=False)
    with (
        temporary_settings(updates={PREFECT_HOME: tmp_path}, restore_defaults={PREFECT_API_URL}),
        temporary_database_config(None),  # not the one that another test of this process has asked for first
        prefect_api(quiet=True),
    ):
        assert PREFECT_API_DATABASE_CONNECTION_URL.value().endswith(f"{tmp_path}/prefect.db")
        yield tmp_path / "prefect.db"


def _schema(path: Path) -> tuple[list[object], ...]:
    """Return version, journal mode and schema of a database, each object's SQL in parts."""
    with closing(sqlite3.connect(path)) as database:
        version = database.execute("SELECT version_num FROM alembic_version").fetchall()
        journal = database.execute("PRAGMA journal_mode").fetchall()
        objects = database.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master").fetchall()
        tables = sorted(name for kind, name, _, _ in objects if kind == "table" and not name.startswith("sqlite_"))
        rows = [(name, database.execute(f'SELECT count(*) FROM "{name}"').fetchone()) for name in tables]
    parts = sorted((kind, name, table, sorted(_PARTS.split(sql))) for kind, name, table, sql in objects)
    return version, journal, rows, parts


def test_they_are_equal(made: Path, migrated: Path) -> None:
    assert _schema(made) == _schema(migrated)

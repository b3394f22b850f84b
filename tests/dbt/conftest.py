"""Databases for dbt, and dbt on them."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.dbt.running.project import Dbt
from tests.dbt.running.raw_database import RawDatabase
from tests.dbt.world.history import open_shop

SALT = "the-salt-of-what-is-built"
MODELS_AND_DATA_TESTS = ("--exclude-resource-type", "unit_test")


@pytest.fixture
def raw(tmp_path: Path) -> RawDatabase:
    """A database with empty tables in RAW."""
    return RawDatabase.create(tmp_path)


@pytest.fixture
def dbt(raw: RawDatabase, tmp_path: Path) -> Dbt:
    """dbt on that database."""
    return dbt_on(raw, tmp_path)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> RawDatabase:
    """A small shop, landed once and built. Read it, do not change it."""
    folder = tmp_path_factory.mktemp("built")
    raw = RawDatabase.create(folder)
    open_shop(Random(1)).land(raw)
    dbt_on(raw, folder, manifest=True).succeed("build", *MODELS_AND_DATA_TESTS, EMAIL_SALT=SALT)
    return raw


def dbt_on(raw: RawDatabase, work: Path, *, manifest: bool = False) -> Dbt:
    """Return dbt on a database, working in the folder `work`."""
    return Dbt(work, variables={"DUCKDB_PATH": str(raw.path)}, manifest=manifest)

"""An empty database, for tests that read its catalog alone."""

from __future__ import annotations

import pytest
from psycopg2.extensions import connection as Connection

from tests.ingest.contracts.drafts import Catalog


@pytest.fixture
def catalog(module_database: Connection) -> Catalog:
    """An empty database, for tests that read its catalog alone."""
    catalog = Catalog(module_database)
    catalog.execute('drop schema if exists "Odd Schema" cascade; drop schema public cascade; create schema public')
    return catalog

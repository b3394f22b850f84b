"""Shops on a cluster of this folder's own: roles and their passwords belong to a cluster, and tests here set them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from local.accounts import unprivileged_account
from local.processes import ProcessGroup
from local.run_directory import RunDirectory
from local.servers.postgres_binaries import find_binaries
from local.servers.postgres_server import start_postgres
from local.settings import LocalSettings
from postgres.connection import connected, with_database
from postgres.seed import seed_shop
from postgres.setup import create_shop

BUSINESS_NOW = datetime(2026, 10, 7, 18, 30, tzinfo=UTC)
SMALL = 0.05

OWNER_PASSWORD = "owner's %secret"
INGEST_PASSWORD = "ingest secret@1"


@dataclass(frozen=True)
class Shop:
    """A shop's database and the logins to it."""

    name: str
    admin: str = field(repr=False)
    owner: str = field(repr=False)
    ingest: str = field(repr=False)


@pytest.fixture(scope="session")
def admin_dsn(processes: ProcessGroup, run_directory: RunDirectory, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A superuser's login to a cluster that nothing else uses."""
    directory = Path(run_directory.path) / "shop_cluster"
    directory.mkdir(mode=0o755)
    account = unprivileged_account()
    binaries = find_binaries(LocalSettings().postgres_bin, account)
    logs = tmp_path_factory.mktemp("shop_cluster_logs")
    return start_postgres(processes, binaries, account, directory, logs).admin_dsn


@pytest.fixture(scope="session")
def new_shop(admin_dsn: str) -> Callable[[], Shop]:
    """Makes empty shops; they go with the cluster."""
    numbers = itertools.count(1)

    def make() -> Shop:
        name = f"shop_{next(numbers)}"
        logins = create_shop(admin_dsn, name, owner_password=OWNER_PASSWORD, ingest_password=INGEST_PASSWORD)
        return Shop(name, with_database(admin_dsn, name), logins.owner, logins.ingest)

    return make


@pytest.fixture(scope="session")
def seeded_template(new_shop: Callable[[], Shop]) -> Shop:
    """A small shop, to be copied, never changed."""
    shop = new_shop()
    with connected(shop.owner, application_name="tests") as connection:
        seed_shop(connection, business_now=BUSINESS_NOW, scale=SMALL, seed=11)
    return shop


@pytest.fixture
def seeded_connection(seeded_template: Shop) -> Iterator[Connection]:
    """The owner's connection to the small shop, to look at it only."""
    with connected(seeded_template.owner, application_name="tests") as connection:
        connection.set_session(readonly=True)
        yield connection


@pytest.fixture(scope="session")
def make_copy(admin_dsn: str) -> Callable[[Shop, str], Shop]:
    """Copies a shop under a name, rows and sequences included."""

    def make(shop: Shop, name: str) -> Shop:
        statement = sql.SQL("create database {} template {} owner shop")
        _administer(admin_dsn, statement.format(sql.Identifier(name), sql.Identifier(shop.name)))
        return Shop(name, *(with_database(dsn, name) for dsn in (shop.admin, shop.owner, shop.ingest)))

    return make


@pytest.fixture(scope="session")
def attempt_shop(make_copy: Callable[[Shop, str], Shop], seeded_template: Shop) -> Shop:
    """A small shop for what is refused or rolled back; only its sequences change."""
    return make_copy(seeded_template, "shop_of_attempts")


@pytest.fixture
def attempt(attempt_shop: Shop) -> Iterator[Cursor]:
    """The owner's cursor on a small shop, for statements that are never committed."""
    with connected(attempt_shop.owner, application_name="tests") as connection, connection.cursor() as cursor:
        yield cursor


@pytest.fixture
def copy_shop(admin_dsn: str, make_copy: Callable[[Shop, str], Shop]) -> Iterator[Callable[[Shop], Shop]]:
    """Copies shops for one test; the copies are dropped after it."""
    copies: list[str] = []

    def copy(shop: Shop) -> Shop:
        copies.append(f"{shop.name}_copy_{len(copies)}")
        return make_copy(shop, copies[-1])

    yield copy
    for name in copies:
        _administer(admin_dsn, sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def shop(copy_shop: Callable[[Shop], Shop], seeded_template: Shop) -> Shop:
    """A small shop of the test's own, with a past until BUSINESS_NOW."""
    return copy_shop(seeded_template)


@pytest.fixture
def owner(shop: Shop) -> Iterator[Connection]:
    """The owner's connection to `shop`."""
    with connected(shop.owner, application_name="tests") as connection:
        yield connection


@pytest.fixture(scope="session")
def empty_template(new_shop: Callable[[], Shop]) -> Shop:
    """A shop without rows, to be copied, never changed."""
    return new_shop()


@pytest.fixture
def empty_shop(copy_shop: Callable[[Shop], Shop], empty_template: Shop) -> Shop:
    """A shop of the test's own, without rows."""
    return copy_shop(empty_template)


def _administer(admin_dsn: str, statement: sql.Composed) -> None:
    with connected(admin_dsn, application_name="tests") as admin:
        admin.autocommit = True
        with admin.cursor() as cursor:
            cursor.execute(statement)

"""The operational shop on the stack's Postgres: it is created, seeded, and later advanced."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from local.servers.postgres_server import PostgresServer, dsn
from postgres.activity import ActivityReport, advance
from postgres.connection import connected
from postgres.seed import SeedReport, seed_shop
from postgres.setup import INGEST_ROLE, OWNER_ROLE, create_shop
from postgres.shop.visits import NO_VISITS, Visits

DATABASE = "shop"


@dataclass(frozen=True)
class Shop:
    """A shop's database, with the logins of its owner and of ingest. The DSNs hold passwords.

    Its customers follow the links of `visits`.
    """

    owner_dsn: str = field(repr=False)
    ingest_dsn: str = field(repr=False)
    visits: Visits = field(default=NO_VISITS, repr=False)

    def seed(self, *, business_now: datetime, scale: float, seed: int) -> SeedReport:
        """Fill the empty shop with a history that ends at `business_now`."""
        with connected(self.owner_dsn, application_name="local-stack") as connection:
            return seed_shop(connection, business_now=business_now, scale=scale, seed=seed, visits=self.visits)

    def advance(self, *, business_now: datetime, span: timedelta, seed: int) -> ActivityReport:
        """Simulate the shop's activity for `span` after `business_now`."""
        with connected(self.owner_dsn, application_name="local-stack") as connection:
            return advance(connection, business_now=business_now, span=span, seed=seed, visits=self.visits)


@dataclass(frozen=True)
class ShopPasswords:
    """The passwords of the two roles. Roles belong to the cluster, so all its shops share them."""

    owner: str = field(repr=False)
    ingest: str = field(repr=False)

    @classmethod
    def generate(cls) -> ShopPasswords:
        return cls(secrets.token_urlsafe(16), secrets.token_urlsafe(16))


def make_shop(server: PostgresServer, passwords: ShopPasswords, database: str = DATABASE) -> Shop:
    """Create an empty shop."""
    create_shop(server.admin_dsn, database, owner_password=passwords.owner, ingest_password=passwords.ingest)
    return shop_of(server, passwords, database)


def shop_of(server: PostgresServer, passwords: ShopPasswords, database: str = DATABASE) -> Shop:
    """Return the logins to an existing shop."""
    return Shop(
        owner_dsn=dsn(server.port, OWNER_ROLE, passwords.owner, database),
        ingest_dsn=dsn(server.port, INGEST_ROLE, passwords.ingest, database),
    )

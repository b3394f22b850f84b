"""Creates a shop: database, roles and schema. `python -m postgres.setup --help` is its command."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from typing import Annotated

import psycopg2
import typer
from psycopg2 import sql
from psycopg2.errors import DuplicateDatabase
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import encrypt_password

from postgres.command import reported_errors, required, required_dsn
from postgres.connection import connected, first_line, with_database
from postgres.errors import ShopError
from postgres.settings import SetupSettings

OWNER_ROLE = "shop"
INGEST_ROLE = "ingest"

# Roles belong to the cluster, so two set-ups at once would collide in them. The key is an arbitrary number.
_SETUP_LOCK = 7_238_401


@dataclass(frozen=True, slots=True)
class ShopLogins:
    """DSNs of a shop's two roles. They hold passwords, so the repr leaves them out."""

    owner: str = field(repr=False)
    ingest: str = field(repr=False)


def create_shop(admin_dsn: str, database: str = "shop", *, owner_password: str, ingest_password: str) -> ShopLogins:
    """Create `database` with the shop's schema, empty, and the roles `shop` (owner) and `ingest`.

    `admin_dsn` is a superuser's login to any other database of the cluster. If the roles exist, both get the given
    passwords. The server receives only SCRAM verifiers, never a password.

    Raises ShopError if the database exists, the login fails, or the server refuses a step. An incomplete database is
    dropped.
    """
    if not owner_password or not ingest_password:
        raise ShopError("a password is empty: give both roles of the shop one")
    with connected(admin_dsn, application_name="shop-setup") as admin, _one_set_up_at_a_time(admin):
        _create_database(admin, database)
        try:
            _furnish(admin_dsn, database, owner_password, ingest_password)
        except BaseException:
            _drop_database(admin, database)
            raise
    return ShopLogins(
        owner=with_database(admin_dsn, database, user=OWNER_ROLE, password=owner_password),
        ingest=with_database(admin_dsn, database, user=INGEST_ROLE, password=ingest_password),
    )


@contextmanager
def _one_set_up_at_a_time(admin: Connection) -> Iterator[None]:
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", (_SETUP_LOCK,))
        yield  # closing the connection releases the lock


def _create_database(admin: Connection, database: str) -> None:
    statement = sql.SQL("create database {} template template0 encoding 'UTF8'")
    try:
        with admin.cursor() as cursor:
            cursor.execute(statement.format(sql.Identifier(database)))
    except DuplicateDatabase as error:
        raise ShopError(f"database {database!r} exists already: drop it, or choose another name") from error
    except psycopg2.Error as error:
        raise ShopError(f"cannot create database {database!r}: {first_line(error)}") from error


def _drop_database(admin: Connection, database: str) -> None:
    with admin.cursor() as cursor:
        cursor.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(database)))


def _furnish(admin_dsn: str, database: str, owner_password: str, ingest_password: str) -> None:
    with connected(with_database(admin_dsn, database), application_name="shop-setup") as connection:
        settings = {
            "shop.owner_password": _verifier(owner_password, OWNER_ROLE, connection),
            "shop.ingest_password": _verifier(ingest_password, INGEST_ROLE, connection),
        }
        try:
            with connection, connection.cursor() as cursor:
                for name, value in settings.items():
                    cursor.execute("select set_config(%s, %s, true)", (name, value))
                cursor.execute(_sql_file("roles.sql"))
                cursor.execute(sql.SQL("set local role {}").format(sql.Identifier(OWNER_ROLE)))
                cursor.execute(_sql_file("schema.sql"))
        except psycopg2.Error as error:
            raise ShopError(f"cannot set up database {database!r}: {first_line(error)}") from error


def _verifier(password: str, role: str, connection: Connection) -> str:
    return encrypt_password(password, role, connection, "scram-sha-256")


def _sql_file(name: str) -> str:
    return resources.files("postgres").joinpath(name).read_text(encoding="utf-8")


def command(
    admin_dsn: Annotated[
        str | None, typer.Option(help="A superuser's login to another database.  [env: POSTGRES_ADMIN_DSN]")
    ] = None,
    database: Annotated[str, typer.Option(help="Name of the database to create.")] = "shop",
) -> None:
    """Create the shop's database, roles and schema.

    The roles' passwords come from SHOP_OWNER_PASSWORD and SHOP_INGEST_PASSWORD.
    """
    with reported_errors():
        settings = SetupSettings.load()
        create_shop(
            required_dsn(admin_dsn, settings.admin_dsn, "--admin-dsn", "POSTGRES_ADMIN_DSN", settings.environment),
            database,
            owner_password=required(settings.owner_password, "SHOP_OWNER_PASSWORD"),
            ingest_password=required(settings.ingest_password, "SHOP_INGEST_PASSWORD"),
        )
        typer.echo(f"created database {database}: owner {OWNER_ROLE}, reader {INGEST_ROLE}")


if __name__ == "__main__":
    typer.run(command)

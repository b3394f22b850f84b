"""Empty databases for tests. A database that a test has left unchanged is used again.

Creating and dropping one takes a fifth of a second of a core, emptying it a tenth of that.
"""

from __future__ import annotations

import uuid
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from local.servers.postgres_server import PostgresServer

_EVERYTHING = """
select array[
    (select count(*) from pg_class), (select count(*) from pg_proc), (select count(*) from pg_type),
    (select count(*) from pg_operator), (select count(*) from pg_cast), (select count(*) from pg_collation),
    (select count(*) from pg_namespace), (select count(*) from pg_rewrite), (select count(*) from pg_trigger),
    (select count(*) from pg_event_trigger), (select count(*) from pg_extension), (select count(*) from pg_language),
    (select count(*) from pg_publication), (select count(*) from pg_subscription where subdbid = database.oid),
    (select count(*) from pg_foreign_data_wrapper), (select count(*) from pg_default_acl),
    (select count(*) from pg_largeobject_metadata), (select count(*) from pg_ts_config),
    (select count(*) from pg_db_role_setting where setdatabase = database.oid),
    (select count(*) from pg_prepared_xacts where pg_prepared_xacts.database = current_database())
]::text,
(select array_agg((nspname, nspowner::regrole, nspacl)::text order by nspname) from pg_namespace)::text,
(datdba, datconnlimit, datallowconn, datistemplate, datacl)::text
from pg_database as database where datname = current_database()
"""
"""What there is in a database, by kind, and who may use it."""
_EMPTIED = """
do $$ declare name text; begin
    for name in select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' loop
        execute format('drop schema %I cascade', name);
    end loop;
    create schema public authorization pg_database_owner;
    grant usage on schema public to public;
end $$
"""
_PATIENCE_MILLISECONDS = 5000
_ENDED = f"""
select coalesce(bool_and(pg_terminate_backend(pid, {_PATIENCE_MILLISECONDS})), true) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
"""
"""Whether all other sessions have ended."""


@dataclass
class EmptyDatabases:
    """The empty databases of a cluster."""

    server: PostgresServer
    _free: list[str] = field(default_factory=list)
    _everything: Any = None

    def take(self) -> str:
        """Return the name of an unused database."""
        if self._free:
            return self._free.pop()
        name = f"empty_{uuid.uuid4().hex[:12]}"
        self._administer(sql.SQL("create database {}").format(sql.Identifier(name)))
        if self._everything is None:
            with closing(self._connect(name)) as connection:
                _asked(connection, _EMPTIED)
                self._everything = _asked(connection, _EVERYTHING)
        return name

    def give_back(self, name: str) -> None:
        """Empty the database for the next test. Drop it if something remains."""
        if self._emptied(name):
            self._free.append(name)
        else:
            self._administer(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def _emptied(self, name: str) -> bool:
        try:
            with closing(self._connect(name)) as connection:
                if _asked(connection, _ENDED) != [(True,)]:
                    return False
                _asked(connection, _EMPTIED)
                return bool(_asked(connection, _EVERYTHING) == self._everything)
        except psycopg2.Error:
            return False

    def _connect(self, name: str) -> Connection:
        connection = psycopg2.connect(self.server.admin_dsn, dbname=name)
        connection.autocommit = True
        return connection

    def _administer(self, statement: sql.Composed) -> None:
        with closing(self._connect("postgres")) as admin, admin.cursor() as cursor:
            cursor.execute(statement)


def _asked(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []

"""A login with settings of its own, to run ingest with."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from psycopg2 import sql
from psycopg2.extensions import make_dsn
from pydantic import SecretStr

from tests.ingest.run.world import World


@contextmanager
def as_role(world: World, settings: Mapping[str, str]) -> Iterator[World]:
    """Yield the world as seen by a role with these settings, which may read all of `public`.

    The role is dropped at the end.
    """
    role = sql.Identifier(f"reader_{uuid.uuid4().hex[:8]}")
    name = role.string
    with world.connection.cursor() as cursor:
        cursor.execute(sql.SQL("create role {} login password 'secret' in role pg_monitor").format(role))
        cursor.execute(sql.SQL("grant select on all tables in schema public to {}").format(role))
        for setting, value in settings.items():
            change = sql.SQL("alter role {} set {} = {}")
            cursor.execute(change.format(role, sql.Identifier(setting), sql.Literal(value)))
        try:
            dsn = make_dsn(world.settings.postgres_dsn.get_secret_value(), user=name, password="secret")
            yield replace(world, settings=world.settings.model_copy(update={"postgres_dsn": SecretStr(dsn)}))
        finally:
            cursor.execute(sql.SQL("drop owned by {0}; drop role {0}").format(role))

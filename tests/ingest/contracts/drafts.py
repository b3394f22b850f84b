"""Contracts drafted from a database: an empty catalog to draft from, and its later differences."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2.extensions import connection as Connection

from ingest.contracts.author import draft_contract
from ingest.contracts.drift import compare
from ingest.contracts.introspect import live_tables, resolve_table
from ingest.contracts.model import StreamContract
from ingest.contracts.parse import parse_contract
from tests.ingest.run.world import World


@dataclass(frozen=True)
class Catalog:
    connection: Connection

    def execute(self, statement: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement)


def draft(world: World | Catalog, table: str, *, key: tuple[str, ...] = ()) -> StreamContract:
    name = resolve_table(world.connection, table)
    return parse_contract(draft_contract(live_tables(world.connection, [name])[name], key=key), origin=name)


def differences(world: World | Catalog, contract: StreamContract) -> list[tuple[bool, str]]:
    tables = live_tables(world.connection, [contract.source_object])
    return [(found.breaking, str(found)) for found in compare(contract, tables.get(contract.source_object))]

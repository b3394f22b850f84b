"""Databases, schemas and the objects in them: properties of a Snowflake object that DuckDB does not keep.

DDL commits by itself in Snowflake, so this needs no transactions: a statement that fails changes nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import RLock

from local.snowflake.emulator.errors import SnowflakeError, already_exists, no_such_object
from local.snowflake.emulator.sql.relations import ObjectName, Relation


@dataclass
class Schema:
    name: str
    owner: str
    managed: bool = False
    created_on: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Database:
    name: str
    owner: str
    schemas: dict[str, Schema] = field(default_factory=dict)
    created_on: datetime = field(default_factory=lambda: datetime.now(UTC))


class Catalog:
    """All databases of the account. Names are exact: upper case unless an object was created with a quoted name."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.databases: dict[str, Database] = {}
        self._relations: dict[ObjectName, Relation] = {}

    def database(self, name: str) -> Database:
        if found := self.databases.get(name):
            return found
        raise no_such_object("Database", name)

    def schema(self, database: str, name: str) -> Schema:
        if found := self.database(database).schemas.get(name):
            return found
        raise no_such_object("Schema", f"{database}.{name}")

    def find(self, name: ObjectName) -> Relation | None:
        with self.lock:
            return self._relations.get(name)

    def relation(self, name: ObjectName, kind: str = "Object") -> Relation:
        if found := self.find(name):
            return found
        raise no_such_object(kind, str(name))

    def add(self, relation: Relation) -> None:
        with self.lock:
            self._relations[relation.name] = relation

    def remove(self, name: ObjectName) -> None:
        with self.lock:
            self._relations.pop(name, None)

    def remove_schema(self, database: str, schema: str) -> None:
        with self.lock:
            del self.databases[database].schemas[schema]
            for name in [name for name in self._relations if (name.database, name.schema) == (database, schema)]:
                del self._relations[name]

    def relations(self, database: str | None = None, schema: str | None = None) -> Iterator[Relation]:
        with self.lock:
            found = sorted(self._relations.values(), key=lambda relation: relation.name)
        for relation in found:
            if database in (None, relation.name.database) and schema in (None, relation.name.schema):
                yield relation

    def check_free(self, name: ObjectName) -> None:
        """Raise if an object of that name exists, or one whose name DuckDB would confuse with it."""
        with self.lock:
            if name in self._relations:
                raise already_exists(str(name))
            other = next((known for known in self._relations if str(known).upper() == str(name).upper()), None)
        if other:
            raise SnowflakeError(
                2, "0A000", f"The emulated account cannot hold both {other} and {name}: they differ only in case."
            )

"""The context of a statement's handler: the account, the session, and the statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from local.snowflake.emulator.account.doubts import Doubt
from local.snowflake.emulator.account.locks import LOCKED, LockMode
from local.snowflake.emulator.account.privileges import Actor
from local.snowflake.emulator.account.session import Session, timed_out
from local.snowflake.emulator.account.state import Account
from local.snowflake.emulator.errors import SnowflakeError, no_such_object
from local.snowflake.emulator.sql.relations import ObjectName, Relation
from local.snowflake.emulator.sql.tokens import Tokens

Values = Sequence[exp.Expression]


@dataclass
class Context:
    """The context of one statement. `values` are the bindings of `?`."""

    account: Account
    session: Session
    sql: str
    tokens: Tokens
    values: Values = ()
    _actor: Actor | None = field(default=None)

    @property
    def actor(self) -> Actor:
        if self._actor is None:
            self._actor = self.account.actor(self.session)
        return self._actor

    def forget_actor(self) -> None:
        """Forget the actor, because the session has taken another role."""
        self._actor = None

    @property
    def role(self) -> str:
        return self.session.role

    def relation(self, name: ObjectName, kind: str = "Object") -> Relation:
        """Return a table or view that the session sees. Its temporary tables hide others of the same name."""
        if temporary := self.session.temporary.get(name):
            return temporary
        self.require_schema(name.database, name.schema)
        return self.account.catalog.relation(name, kind)

    def find_relation(self, name: ObjectName) -> Relation | None:
        return self.session.temporary.get(name) or self.account.catalog.find(name)

    def require_schema(self, database: str, schema: str) -> None:
        """Raise unless the schema exists and may be used."""
        db = self.account.catalog.database(database)
        found = self.account.catalog.schema(database, schema)
        if not self.actor.all_powerful:
            self.actor.require("USAGE", "DATABASE", database, owner=db.owner)
            held = self.actor.held("SCHEMA", f"{database}.{schema}", found.owner)
            if not held:
                raise no_such_object("Schema", f"{database}.{schema}")
            if "USAGE" not in held:
                raise no_such_object("Object", f"{database}.{schema}")

    def require_create(self, what: str, database: str, schema: str) -> None:
        self.require_schema(database, schema)
        owner = self.account.catalog.schema(database, schema).owner
        self.actor.require(f"CREATE {what}", "SCHEMA", f"{database}.{schema}", owner=owner)

    def require_relation(self, relation: Relation, privilege: str) -> None:
        if not relation.temporary:
            self.actor.require(privilege, relation.kind, str(relation.name), owner=relation.owner, label="Object")

    def require_warehouse(self) -> None:
        """Raise if a statement that needs a warehouse has none (000606), or none that runs (000608)."""
        session = self.session
        if session.warehouse is None:
            if session.all_powerful:
                return
            raise _no_warehouse()
        warehouse = self.account.warehouses.get(session.warehouse)
        if warehouse is None:
            raise _no_warehouse()
        if warehouse.suspended:
            if not warehouse.auto_resume:
                raise SnowflakeError(
                    608,
                    "57P03",
                    f"Warehouse '{warehouse.name}' is suspended.  Use 'alter warehouse {warehouse.name} resume;' "
                    "command if you need to use it again.",
                )
            warehouse.suspended = False

    def lock(self, name: ObjectName, mode: LockMode) -> None:
        """Take a lock until the transaction ends."""
        doubts, parameters = self.account.doubts, self.session.parameters
        if mode is LockMode.WRITE and Doubt.UPDATES_CONFLICT_AT_ONCE in doubts:
            return
        if mode is LockMode.WRITE and Doubt.UPDATES_LOCK_THE_SCHEMA in doubts:
            name = ObjectName(name.database, name.schema, "*")
        at_most = parameters.number("STATEMENT_TIMEOUT_IN_SECONDS")
        seconds = at_most if Doubt.LOCK_TIMEOUT_IGNORED in doubts else parameters.number("LOCK_TIMEOUT")
        try:
            self.account.locks.acquire(self.session.id, name, mode, seconds=min(seconds, at_most))
        except SnowflakeError as error:
            raise (timed_out(at_most) if seconds >= at_most and error.errno == LOCKED else error) from None


def _no_warehouse() -> SnowflakeError:
    return SnowflakeError(
        606,
        "57P03",
        "No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse' "
        "command.",
    )

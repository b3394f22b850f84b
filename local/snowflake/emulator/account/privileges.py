"""Grants: the privileges of roles on objects.

They are enforced for sessions whose role is not ACCOUNTADMIN or SYSADMIN: USAGE on databases, schemas, warehouses,
stages, file formats and integrations, privileges on tables and views, CREATE ... on schemas and databases, ownership,
the role hierarchy and future grants. Not enforced are the right to grant (except in managed schemas), global
privileges, and MONITOR.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from threading import RLock

from local.snowflake.emulator.errors import insufficient_privileges, no_such_object
from local.snowflake.emulator.sql.relations import ObjectName

ALL_POWERFUL = frozenset({"ACCOUNTADMIN", "SYSADMIN"})

PRIVILEGES = {
    "ACCOUNT": {"CREATE DATABASE", "CREATE WAREHOUSE", "CREATE ROLE", "CREATE USER", "CREATE INTEGRATION",
                "MANAGE GRANTS", "EXECUTE TASK", "MONITOR USAGE", "APPLY MASKING POLICY", "APPLY TAG",
                "MONITOR EXECUTION"},
    "DATABASE": {"USAGE", "MONITOR", "MODIFY", "CREATE SCHEMA", "OWNERSHIP", "IMPORTED PRIVILEGES"},
    "SCHEMA": {"USAGE", "MONITOR", "MODIFY", "CREATE TABLE", "CREATE VIEW", "CREATE STAGE", "CREATE FILE FORMAT",
               "CREATE PIPE", "CREATE SEQUENCE", "CREATE TEMPORARY TABLE", "CREATE MATERIALIZED VIEW", "CREATE TASK",
               "CREATE STREAM", "CREATE FUNCTION", "CREATE PROCEDURE", "CREATE MASKING POLICY", "CREATE TAG",
               "CREATE ROW ACCESS POLICY", "CREATE DYNAMIC TABLE", "ADD SEARCH OPTIMIZATION", "OWNERSHIP"},
    "TABLE": {"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "REBUILD", "EVOLVE SCHEMA",
              "OWNERSHIP"},
    "VIEW": {"SELECT", "REFERENCES", "OWNERSHIP", "INSERT", "UPDATE", "DELETE", "TRUNCATE"},
    "WAREHOUSE": {"USAGE", "OPERATE", "MONITOR", "MODIFY", "OWNERSHIP", "APPLYBUDGET"},
    "STAGE": {"USAGE", "READ", "WRITE", "OWNERSHIP"},
    "FILE FORMAT": {"USAGE", "OWNERSHIP"},
    "INTEGRATION": {"USAGE", "USE_ANY_ROLE", "OWNERSHIP"},
}  # fmt: skip


@dataclass(frozen=True)
class Grant:
    """A grant of `privilege` on the `kind` called `name` to `role`.

    A `future` grant names a database or schema in `name`.
    """

    privilege: str
    kind: str
    name: str
    role: str
    future: bool = False
    with_grant_option: bool = False


class Grants:
    """All grants of the account."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._grants: dict[Grant, None] = {}
        self._role_members: dict[str, set[str]] = {}
        self._user_roles: dict[str, set[str]] = {}

    def add(self, grant: Grant) -> None:
        with self._lock:
            self._grants[grant] = None

    def remove(self, grant: Grant) -> None:
        with self._lock:
            for found in [found for found in self._grants if _same(found, grant)]:
                del self._grants[found]

    def forget_object(self, kind: str, name: str) -> None:
        """Remove the grants on a dropped object."""
        with self._lock:
            for found in [
                found for found in self._grants if not found.future and (found.kind, found.name) == (kind, name)
            ]:
                del self._grants[found]

    def on(self, kind: str, name: str) -> list[Grant]:
        with self._lock:
            return [grant for grant in self._grants if not grant.future and (grant.kind, grant.name) == (kind, name)]

    def future_in(self, scope: str) -> list[Grant]:
        with self._lock:
            return [grant for grant in self._grants if grant.future and grant.name == scope]

    def grant_role(self, role: str, *, to_role: str | None = None, to_user: str | None = None) -> None:
        with self._lock:
            if to_role is not None:
                self._role_members.setdefault(to_role, set()).add(role)
            if to_user is not None:
                self._user_roles.setdefault(to_user, set()).add(role)

    def revoke_role(self, role: str, *, from_role: str = "", from_user: str = "") -> None:
        with self._lock:
            self._role_members.get(from_role, set()).discard(role)
            self._user_roles.get(from_user, set()).discard(role)

    def roles_of(self, user: str) -> set[str]:
        with self._lock:
            return set(self._user_roles.get(user, ()))

    def effective(self, roles: Iterable[str]) -> set[str]:
        """Return the roles and all roles that they inherit."""
        found, waiting = set(), [*roles, "PUBLIC"]
        while waiting:
            role = waiting.pop()
            if role not in found:
                found.add(role)
                waiting += self._role_members.get(role, ())
        return found

    def apply_future(self, kind: str, name: ObjectName) -> None:
        """Give a new object the privileges of future grants. A schema's own take precedence over its database's."""
        for scope in (f"{name.database}.{name.schema}", name.database):
            promised = [grant for grant in self.future_in(scope) if grant.kind == kind]
            for grant in promised:
                self.add(Grant(grant.privilege, kind, str(name), grant.role))
            if promised:
                return


@dataclass(frozen=True)
class Actor:
    """The roles whose privileges count for a session, including all inherited roles."""

    role: str
    roles: frozenset[str]
    grants: Grants

    @property
    def all_powerful(self) -> bool:
        return bool(self.roles & ALL_POWERFUL)

    def held(self, kind: str, name: str, owner: str | None = None) -> set[str]:
        """Return the privileges held on an object. Its owner holds all of them."""
        if self.all_powerful or owner in self.roles:
            return {"OWNERSHIP"} | PRIVILEGES[kind]
        found = {grant.privilege for grant in self.grants.on(kind, name) if grant.role in self.roles}
        return found | PRIVILEGES[kind] if "OWNERSHIP" in found else found

    def require(
        self, privilege: str, kind: str, name: str, *, owner: str | None = None, label: str | None = None
    ) -> None:
        """Raise unless the privilege is held.

        The error is "does not exist" if no privilege on the object is held, else "insufficient privileges".
        """
        held = self.held(kind, name, owner)
        if privilege in held:
            return
        if not held:
            raise no_such_object(label or kind.capitalize(), name)
        raise insufficient_privileges(kind, name.rpartition(".")[2])


def _same(one: Grant, other: Grant) -> bool:
    return (one.privilege, one.kind, one.name, one.role, one.future) == (
        other.privilege, other.kind, other.name, other.role, other.future,
    )  # fmt: skip

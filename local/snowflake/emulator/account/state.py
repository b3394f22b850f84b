"""The account: the state that all its sessions share."""

from __future__ import annotations

import itertools
import secrets
import uuid
from dataclasses import dataclass, field
from threading import RLock

import duckdb

from local.snowflake.emulator.account.catalog import Catalog
from local.snowflake.emulator.account.doubts import Doubts
from local.snowflake.emulator.account.history import LoadHistory, QueryHistory
from local.snowflake.emulator.account.locks import Locks
from local.snowflake.emulator.account.objects import (
    SYSTEM_ROLES,
    ResourceMonitor,
    Role,
    StorageIntegration,
    User,
    Warehouse,
)
from local.snowflake.emulator.account.privileges import Actor, Grants
from local.snowflake.emulator.account.session import Session
from local.snowflake.emulator.account.stage_objects import FileFormat, Stage
from local.snowflake.emulator.errors import no_such_object
from local.snowflake.emulator.sql.macros import CREATION
from local.snowflake.emulator.sql.relations import ObjectName

TEST_USER = "TEST"


def _open_duckdb() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config={"lambda_syntax": "ENABLE_SINGLE_ARROW"})
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.execute(CREATION)
    return connection


def _test_user() -> dict[str, User]:
    test = User(TEST_USER, password="test", all_powerful=True, default_role="ACCOUNTADMIN", secondary_roles=False)
    return {TEST_USER: test}


@dataclass
class Account:
    """One emulated account, in memory."""

    duckdb: duckdb.DuckDBPyConnection = field(default_factory=_open_duckdb)
    catalog: Catalog = field(default_factory=Catalog)
    locks: Locks = field(default_factory=Locks)
    grants: Grants = field(default_factory=Grants)
    roles: dict[str, Role] = field(default_factory=lambda: {name: Role(name) for name in SYSTEM_ROLES})
    users: dict[str, User] = field(default_factory=_test_user)
    warehouses: dict[str, Warehouse] = field(default_factory=dict)
    monitors: dict[str, ResourceMonitor] = field(default_factory=dict)
    integrations: dict[str, StorageIntegration] = field(default_factory=dict)
    stages: dict[ObjectName, Stage] = field(default_factory=dict)
    file_formats: dict[ObjectName, FileFormat] = field(default_factory=dict)
    queries: QueryHistory = field(default_factory=QueryHistory)
    loads: LoadHistory = field(default_factory=LoadHistory)
    sessions: dict[str, Session] = field(default_factory=dict)
    doubts: Doubts = field(default_factory=Doubts)
    lock: RLock = field(default_factory=RLock)
    copy_seconds: float = 0.0
    """How long each COPY takes at least: rows of a real size take their time."""
    _session_ids: itertools.count[int] = field(default_factory=lambda: itertools.count(101))

    login_failures: dict[str, dict[str, str]] = field(default_factory=dict)
    """What SYSTEM$GET_LOGIN_FAILURE_DETAILS says of a refused token, by the id in the refusal."""

    def note_login_failure(self, user: str, reason: str) -> str:
        """Record why a token was refused. Return the id by which an administrator can look the reason up."""
        failure = str(uuid.uuid4())
        self.login_failures[failure] = {"username": user, "errorCode": reason}
        return failure

    def open_session(self, user: User, role: str) -> Session:
        session = Session(
            next(self._session_ids),
            secrets.token_urlsafe(32),
            user.name,
            self.duckdb.cursor(),
            self.loads,
            role,
            user.all_powerful,
        )
        session.connection.execute("SET TimeZone = 'UTC'")
        session.secondary_roles = user.secondary_roles
        session.parameters.begin_with(user.parameters)
        with self.lock:
            self.sessions[session.token] = session
        return session

    def end_session(self, session: Session) -> None:
        """Roll back, release the locks, and close. It waits for the running statement."""
        with self.lock:
            self.sessions.pop(session.token, None)
            session.ended = True
        with session.one_at_a_time:
            session.transaction.rollback()
            self.locks.end(session.id)
            session.connection.close()

    def actor(self, session: Session) -> Actor:
        """Return the roles that count in a session: its role and, with secondary roles, all roles of its user."""
        others = self.grants.roles_of(session.user) if session.secondary_roles else ()
        return Actor(session.role, frozenset(self.grants.effective([session.role, *others])), self.grants)

    def role(self, name: str) -> Role:
        if found := self.roles.get(name):
            return found
        raise no_such_object("Role", name)

    def user(self, name: str) -> User:
        if found := self.users.get(name):
            return found
        raise no_such_object("User", name)

    def warehouse(self, name: str) -> Warehouse:
        if found := self.warehouses.get(name):
            return found
        raise no_such_object("Warehouse", name)

    def monitor(self, name: str) -> ResourceMonitor:
        if found := self.monitors.get(name):
            return found
        raise no_such_object("Resource monitor", name)

    def integration(self, name: str) -> StorageIntegration:
        if found := self.integrations.get(name):
            return found
        raise no_such_object("Integration", name)

    def stage(self, name: ObjectName) -> Stage:
        if found := self.stages.get(name):
            return found
        raise no_such_object("Stage", str(name))

    def file_format(self, name: ObjectName) -> FileFormat:
        if found := self.file_formats.get(name):
            return found
        raise no_such_object("File format", str(name))

"""The account under examination: a session for each role, and scratch objects that are dropped after a check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from uuid import uuid4

from ingest.contracts.model import StreamContract
from ingest.errors import ConfigurationError, PlatformError
from ingest.findings import NotSeenError
from ingest.lake.objects.store import ObjectStore
from ingest.retry_policies import COPY_HISTORY, RetryPolicy
from orchestration.settings import Schemas
from orchestration.warehouse.ddl import Table, TableColumn
from orchestration.warehouse.snowflake.dialect import SNOWFLAKE
from orchestration.warehouse.snowflake.errors import is_refusal
from orchestration.warehouse.snowflake.login import Login, dbt_login, loader_login
from orchestration.warehouse.snowflake.session import Place, SnowflakeSession
from orchestration.warehouse.snowflake.settings import SnowflakeSettings

SCRATCH_PREFIX = "__DOCTOR_"


class Role(StrEnum):
    """The platform's roles in the account."""

    LOADER = "loader"
    TRANSFORMER = "transformer"
    READER = "reader"


@dataclass(frozen=True)
class Patience:
    """The longest waits of checks, in seconds."""

    lock_seconds: int = 3
    history: RetryPolicy = COPY_HISTORY


@dataclass
class Account:
    """One database of one account, seen with the three roles that the settings name."""

    settings: SnowflakeSettings
    database: str
    schemas: Schemas
    contracts: Sequence[StreamContract]
    store: ObjectStore
    run_id: str
    patience: Patience = Patience()
    left_behind: set[str] = field(default_factory=set)
    """Keys of the lake that a check had to leave there, since these AWS credentials delete nothing."""
    _sessions: dict[Role, SnowflakeSession] = field(default_factory=dict)
    _refused: set[Role] = field(default_factory=set)

    @cached_property
    def logins(self) -> dict[Role, Login]:
        """The login of each role."""
        given, database = self.settings, self.database

        def of_dbt(role: str, warehouse: str) -> Login:
            return dbt_login(given, database, role=role, warehouse=warehouse)

        return {
            Role.LOADER: loader_login(given, database),
            Role.TRANSFORMER: of_dbt(given.transformer_role, given.transform_warehouse),
            Role.READER: of_dbt(given.reader_role, given.bi_warehouse),
        }

    def in_full(self, schema: str) -> str:
        """Return a schema's name with its database, as a GRANT needs it."""
        return f"{self.database}.{schema}"

    @property
    def stage_name(self) -> str:
        """The stage with its database and schema, quoted."""
        return Place(self.database, self.schemas.raw, self.settings.stage, self.schemas.raw).stage_name

    def log_in(self, role: Role) -> SnowflakeSession:
        """Return the session of a role. Raises PlatformError if the login is refused."""
        if role not in self._sessions:
            self._refused.add(role)
            session = self._new_session(role)
            session.query("SHOW PARAMETERS LIKE 'TIMEZONE' IN SESSION")  # logs in without using a warehouse
            self._sessions[role] = session
            self._refused.discard(role)
        return self._sessions[role]

    def session(self, role: Role) -> SnowflakeSession:
        """Return the session of a role for a check of something else.

        Raises NotSeenError if the role could not log in.
        """
        if role in self._refused:
            raise NotSeenError(f"the {role} cannot log in", advice=f"See `login: {role}`.")
        return self.log_in(role)

    @contextmanager
    def apart(self, role: Role) -> Iterator[SnowflakeSession]:
        """Yield a separate session, for a check that would change the shared one."""
        with self.session(role).fork() as session:
            yield session

    @contextmanager
    def scratch_table(self, role: Role, schema: str, columns: Sequence[TableColumn]) -> Iterator[Table]:
        """Yield a table with a unique name that `role` owns. It is dropped at the end."""
        session = self.session(role)
        table = Table(schema, f"{SCRATCH_PREFIX}{uuid4().hex[:12].upper()}", tuple(columns))
        session.execute(SNOWFLAKE.create_table(table))
        try:
            yield table
        finally:
            session.execute(f"DROP TABLE IF EXISTS {SNOWFLAKE.table(table)}")

    @contextmanager
    def scratch_view(self, role: Role, schema: str, query: str) -> Iterator[str]:
        """Make a secure view with a unique name, as dbt makes them. Yield its quoted name. It is dropped at the end."""
        session = self.session(role)
        name = SNOWFLAKE.table(Table(schema, f"{SCRATCH_PREFIX}{uuid4().hex[:12].upper()}", ()))
        session.execute(f"CREATE SECURE VIEW {name} AS {query}")
        try:
            yield name
        finally:
            session.execute(f"DROP VIEW IF EXISTS {name}")

    def close(self) -> None:
        """Log out."""
        for session in self._sessions.values():
            session.close()

    def _new_session(self, role: Role) -> SnowflakeSession:
        place = Place(self.database, self.schemas.raw, self.settings.stage, self.schemas.raw)
        return SnowflakeSession(self.logins[role], place, self.run_id)


def refusal(act: Callable[[], object]) -> PlatformError | None:
    """Return the error by which Snowflake refuses `act` for a missing right; None if it does not.

    Raises other errors.
    """
    try:
        act()
    except ConfigurationError as error:
        if is_refusal(error):
            return error
        raise
    return None


class _Back(Exception):
    """Leaves a transaction by its ROLLBACK."""


@contextmanager
def rolled_back(session: SnowflakeSession) -> Iterator[None]:
    """Run the block in a transaction that is rolled back."""
    with suppress(_Back), session.transaction():
        yield
        raise _Back

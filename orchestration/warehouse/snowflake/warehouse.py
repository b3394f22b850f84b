"""Snowflake as the warehouse: COPY from the external stage, by the loader's role; dbt by the transformer's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cached_property

from orchestration.settings import Schemas
from orchestration.warehouse.names import as_key
from orchestration.warehouse.protocol import LockHolder, Publication, Purpose, Rows
from orchestration.warehouse.snowflake.lock import WriterLease
from orchestration.warehouse.snowflake.login import Key, Login, dbt_login, loader_login, reader_login
from orchestration.warehouse.snowflake.session import Place, SnowflakeSession
from orchestration.warehouse.snowflake.settings import SnowflakeSettings
from orchestration.warehouse.snowflake.suspension import suspend

_LEASE = timedelta(minutes=2)
_LEASE_LOCK_SECONDS = 3
"""How long a statement about the lease waits for a lock: only another statement about it can hold one, and briefly."""


class SnowflakeWarehouse:
    """One database of one account."""

    name = "snowflake"

    def __init__(
        self,
        settings: SnowflakeSettings,
        database: str,
        schemas: Schemas,
        *,
        run_id: str,
        lease: timedelta = _LEASE,
        on_wait: Callable[[str], None] = lambda holder: None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._schemas = schemas
        self._run_id = run_id
        self._lease = lease
        self._on_wait = on_wait

    @property
    def identity(self) -> str:
        """A name made of the account, the database and its schemas, and the roles that decide who sees the results."""
        settings = self._settings
        place = (
            settings.account.upper(),
            *((settings.host.lower(), settings.port) if settings.host else ()),
            self._database,
            *self._schemas.environment.values(),
            settings.transformer_role,
            settings.reader_role,
        )
        digest = hashlib.sha256(json.dumps(place).encode()).hexdigest()
        return as_key("snowflake", settings.account, self._database, digest=digest)

    def unopened_state(self) -> str:
        """Return a constant, because the state is not known without a login."""
        return ""

    @contextmanager
    def lock(self, run_id: str, *, wait: timedelta) -> Iterator[LockHolder]:
        """Be the only writer. At the end, suspend the warehouses that the run has used. See `Warehouse.lock`."""
        login = replace(self._login(Purpose.LOAD), lock_seconds=_LEASE_LOCK_SECONDS)
        with self._session(login, self._schemas.raw) as session, ExitStack() as afterwards:
            lease = WriterLease(session, self._schemas.raw, lease=self._lease)
            lease.ensure()
            with lease.hold(run_id, wait=wait, on_wait=self._on_wait) as holder:
                afterwards.callback(self._suspend_warehouses, session)
                yield holder

    def _suspend_warehouses(self, loader: SnowflakeSession) -> None:
        """Suspend the warehouses of loads and of dbt, each with the role that uses it, but never the readers'
        warehouse.
        """
        settings = self._settings
        if not settings.suspend_warehouses:
            return
        if settings.load_warehouse != settings.bi_warehouse:
            suspend(loader, settings.load_warehouse)
        if settings.transform_warehouse not in (settings.load_warehouse, settings.bi_warehouse):
            with self.connect(Purpose.AUDIT) as transformer:
                suspend(transformer, settings.transform_warehouse)

    @contextmanager
    def connect(self, purpose: Purpose = Purpose.LOAD) -> Iterator[SnowflakeSession]:
        """Yield a session of the loader, or for other purposes of the transformer.

        The transformer may read every schema and write the marts.
        """
        schemas = self._schemas
        scratch = schemas.raw if purpose is Purpose.LOAD else schemas.staging
        with self._session(self._login(purpose), scratch) as session:
            yield session

    @contextmanager
    def _session(self, login: Login, scratch: str) -> Iterator[SnowflakeSession]:
        place = Place(self._database, self._schemas.raw, self._settings.stage, scratch)
        session = SnowflakeSession(login, place, self._run_id)
        try:
            yield session
        finally:
            session.close()

    @contextmanager
    def inspect(self, run_id: str, *, wait: timedelta) -> Iterator[SnowflakeSession]:
        """Yield a session beside the writer's. It sees only committed data."""
        with self.connect(Purpose.LOAD) as session:
            yield session

    def publish(self, run_id: str) -> Publication:
        """Return the publication.

        Nothing is copied: dbt replaces each table of MART in one statement, visible at once.
        """
        return Publication(f"{self._database}.{self._schemas.mart}", path=None, bytes=None, seconds=0.0)

    def show_rows(self, rows: Rows) -> None:
        """Do nothing, because readers see the tables themselves."""

    def dbt_environment(self) -> Mapping[str, str]:
        """Return the environment variables of the target `snowflake` in dbt's profile."""
        settings, login, key = self._settings, self._login(Purpose.AUDIT), self._dbt_key
        path, text, passphrase = (key.path, key.text, key.passphrase) if key else (None, None, None)
        values = {
            "SNOWFLAKE_ACCOUNT": settings.account,
            "SNOWFLAKE_USER": login.user,
            "SNOWFLAKE_ROLE": login.role,
            "SNOWFLAKE_WAREHOUSE": login.warehouse,
            "SNOWFLAKE_DATABASE": self._database,
            "SNOWFLAKE_READER_ROLE": settings.reader_role,
            "SNOWFLAKE_PRIVATE_KEY_PATH": str(path.expanduser().absolute()) if path else None,
            "SNOWFLAKE_PRIVATE_KEY": text.get_secret_value() if text and not path else None,
            "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": passphrase.get_secret_value() if passphrase else None,
            "SNOWFLAKE_PASSWORD": settings.password.get_secret_value() if settings.password else None,
            "SNOWFLAKE_HOST": settings.host,
            "SNOWFLAKE_PORT": str(settings.port) if settings.host else None,
            "SNOWFLAKE_PROTOCOL": settings.protocol if settings.host else None,
        }
        return {name: value for name, value in values.items() if value is not None}

    @property
    def secrets(self) -> tuple[str, ...]:
        """The key, line by line as logs would show it, and its passphrase. An emulator's password is no secret."""
        environment = self.dbt_environment()
        lines = environment.get("SNOWFLAKE_PRIVATE_KEY", "").replace("\\n", "\n").splitlines()
        key = tuple(line for line in lines if line and not line.startswith("-----"))
        passphrase = environment.get("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE")
        return (*key, passphrase) if passphrase else key

    @property
    def reader(self) -> Login:
        """The login that queries the marts."""
        return reader_login(self._settings, self._database)

    @property
    def auditor(self) -> Login:
        """The login that reads everything from RAW to the marts."""
        return self._login(Purpose.AUDIT)

    @cached_property
    def _dbt_key(self) -> Key | None:
        """The accepted key, because dbt takes only one. While keys rotate, there are two."""
        return self._login(Purpose.AUDIT).accepted_key()

    def _login(self, purpose: Purpose) -> Login:
        settings = self._settings
        if purpose is Purpose.LOAD:
            return loader_login(settings, self._database)
        return dbt_login(
            settings, self._database, role=settings.transformer_role, warehouse=settings.transform_warehouse
        )

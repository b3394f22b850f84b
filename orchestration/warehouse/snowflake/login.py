"""Logs in to Snowflake: with a key pair, or with a password to an emulator on this machine."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from snowflake.connector import SnowflakeConnection
from snowflake.connector import errors as connector

from ingest.errors import AccessError, ConfigurationError
from orchestration.warehouse.snowflake.errors import Caller, is_key_refused, login_error
from orchestration.warehouse.snowflake.settings import SnowflakeSettings

if TYPE_CHECKING:
    from pydantic import SecretStr

APPLICATION = "dp_mailblaze_demo"
LOAD_LOCK_SECONDS = 600
"""How long a load waits for a lock: as long as a killed one may hold it. Snowflake ends a statement without a client
after 5 minutes (ABORT_DETACHED_QUERY), and an idle transaction after 5 in which it has held up another one
(https://docs.snowflake.com/en/sql-reference/transactions, "Aborting transactions")."""


class Connection(SnowflakeConnection):
    """A connection that gives up a request after `network_timeout` seconds, but not a statement.

    The connector uses `network_timeout` for both: it cancels a statement without a timeout of its own after that time,
    even if it is running well. Here a statement has its own timeout, and a request the network's.
    """

    def cmd_query(self, *args: Any, **options: Any) -> dict[str, Any]:
        """Run a query. A request without a response is repeated for `network_timeout` seconds."""
        return super().cmd_query(*args, **options | {"timeout": self.network_timeout})


def quiet_connector() -> None:
    """Keep the connector from logging errors, with tracebacks, that it raises as well."""
    logging.getLogger("snowflake.connector.network").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Key:
    """A private key as DER, and its origin: a file or a text, with its passphrase."""

    der: bytes = field(repr=False)
    path: Path | None
    text: SecretStr | None
    passphrase: SecretStr | None


@dataclass(frozen=True)
class Login:
    """A login: user, role and keys. `keys` are tried in order. Without keys, `settings.password` is used."""

    settings: SnowflakeSettings
    database: str
    user: str
    role: str
    warehouse: str
    keys: tuple[Key, ...]
    lock_seconds: int = LOAD_LOCK_SECONDS
    """The longest wait of a statement for a lock (LOCK_TIMEOUT)."""

    @property
    def caller(self) -> Caller:
        """User, role, warehouse, host and database, for error messages."""
        host = self.settings.host or f"{self.settings.account}.snowflakecomputing.com"
        return Caller(self.user, self.role, self.warehouse, host, self.database)

    def accepted_key(self) -> Key | None:
        """Return the key for a program that can use only one; None if there is a password.

        If there are two keys, it logs in to find the accepted one, and raises the errors of `connect`.
        """
        if len(self.keys) < 2:
            return self.keys[0] if self.keys else None
        for key in self.keys[:-1]:
            try:
                replace(self, keys=(key,)).connect().close()
            except AccessError:
                continue
            return key
        return self.keys[-1]

    def connect(self) -> Connection:
        """Return a session in UTC without autocommit.

        Raises AccessError for a refused key, user or role, UnreachableError if nothing answers.
        """
        quiet_connector()
        if not self.keys:
            password = self.settings.password
            return self._open(password=password.get_secret_value() if password else "")
        for key in self.keys[:-1]:
            try:
                return self._open_by_key(key)
            except connector.Error as error:
                if not is_key_refused(error):
                    raise login_error(error, self.caller) from error
        try:
            return self._open_by_key(self.keys[-1])
        except connector.Error as error:
            raise login_error(error, self.caller) from error

    def _open_by_key(self, key: Key) -> Connection:
        return Connection(**self._parameters(), authenticator="SNOWFLAKE_JWT", private_key=key.der)

    def _open(self, **credentials: Any) -> Connection:
        try:
            return Connection(**self._parameters(), **credentials)
        except connector.Error as error:
            raise login_error(error, self.caller) from error

    def _parameters(self) -> dict[str, Any]:
        settings = self.settings
        place = {"host": settings.host, "port": settings.port, "protocol": settings.protocol} if settings.host else {}
        return {
            "account": settings.account,
            **place,
            "user": self.user,
            "role": self.role,
            "warehouse": self.warehouse,
            "database": self.database,
            "login_timeout": settings.login_timeout_seconds,
            "network_timeout": settings.network_timeout_seconds,
            "paramstyle": "qmark",
            "autocommit": False,
            "application": APPLICATION,
            "platform_detection_timeout_seconds": 0.0,  # otherwise each login asks the clouds' metadata addresses
            "session_parameters": {
                "TIMEZONE": "UTC",
                "STATEMENT_TIMEOUT_IN_SECONDS": settings.statement_timeout_seconds,
                "LOCK_TIMEOUT": min(settings.statement_timeout_seconds, self.lock_seconds),
                "ABORT_DETACHED_QUERY": True,
                "CLIENT_TELEMETRY_ENABLED": False,
            },
        }


def loader_login(settings: SnowflakeSettings, database: str) -> Login:
    """Return the login of the loader's user in the loader's role. Raises ConfigurationError for an unreadable key."""
    return Login(
        settings, database, settings.user, settings.loader_role, settings.load_warehouse, _keys(settings, loader=True)
    )


def dbt_login(settings: SnowflakeSettings, database: str, *, role: str, warehouse: str) -> Login:
    """Return the login of dbt's user, or of the loader's user if dbt has none of its own."""
    own = settings.dbt_user is not None
    return Login(
        settings, database, settings.dbt_user or settings.user, role, warehouse, _keys(settings, loader=not own)
    )


def reader_login(settings: SnowflakeSettings, database: str) -> Login:
    """Return the login in the role of readers, on the warehouse of BI: the reader's own user if it has a key, else
    dbt's.
    """
    role, warehouse = settings.reader_role, settings.bi_warehouse
    if not settings.readers_own_keys:
        return dbt_login(settings, database, role=role, warehouse=warehouse)
    key = _read(
        "SNOWFLAKE_READER_PRIVATE_KEY",
        settings.reader_private_key_path,
        settings.reader_private_key,
        settings.reader_private_key_passphrase,
    )
    return Login(settings, database, settings.reader_user, role, warehouse, (key,) if key else ())


def _keys(settings: SnowflakeSettings, *, loader: bool) -> tuple[Key, ...]:
    if settings.password is not None:
        return ()
    if not loader and (settings.dbt_private_key_path or settings.dbt_private_key):
        key = _read(
            "SNOWFLAKE_DBT_PRIVATE_KEY",
            settings.dbt_private_key_path,
            settings.dbt_private_key,
            settings.dbt_private_key_passphrase,
        )
        return (key,) if key else ()
    passphrase = settings.private_key_passphrase
    first = _read("SNOWFLAKE_PRIVATE_KEY", settings.private_key_path, settings.private_key, passphrase)
    second = _read("SNOWFLAKE_PRIVATE_KEY_2", settings.private_key_2_path, settings.private_key_2, passphrase)
    return tuple(key for key in (first, second) if key is not None)


def _read_file(setting: str, of_text: str, path: Path) -> bytes:
    """Return the file's content. Raises ConfigurationError without the path, because a key may stand in its place."""
    if "PRIVATE KEY" in str(path) or len(str(path).splitlines()) > 1:
        raise ConfigurationError(
            f"{setting} holds a key, and not the path of a file", hint=f"The key itself belongs in {of_text}."
        )
    try:
        return path.expanduser().read_bytes()
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
        raise ConfigurationError(
            f"{setting}: cannot read the file that it names: {reason}",
            hint=f"The key itself would belong in {of_text}.",
        ) from None


def _read(setting: str, path: Path | None, text: SecretStr | None, passphrase: SecretStr | None) -> Key | None:
    """Return the key in a file or in a text. Raises ConfigurationError that names the setting, never its value."""
    if path is not None:
        pem = _read_file(f"{setting}_PATH", setting, path)
        setting = f"{setting}_PATH"
    elif text is not None:
        # Not every environment variable can hold line breaks.
        pem = text.get_secret_value().replace("\\n", "\n").encode()
    else:
        return None
    try:
        secret = passphrase.get_secret_value().encode() if passphrase else None
        key = serialization.load_pem_private_key(pem, password=secret)
    except TypeError:
        hint = "Set SNOWFLAKE_PRIVATE_KEY_PASSPHRASE." if passphrase is None else "Unset the passphrase."
        problem = "the key is encrypted" if passphrase is None else "the key is not encrypted, but a passphrase is set"
        raise AccessError(f"{setting}: {problem}", hint=hint) from None
    except (ValueError, UnsupportedAlgorithm):
        raise AccessError(
            f"{setting}: this is no private key in PEM, or the passphrase is wrong",
            hint="openssl genrsa 2048 | openssl pkcs8 -topk8 -inform PEM -out rsa_key.p8 makes one.",
        ) from None
    if not isinstance(key, RSAPrivateKey):
        raise AccessError(f"{setting}: Snowflake accepts only RSA keys")
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Key(der, path, text, passphrase)

"""The marts in Snowflake, read in the reader's role, with a key pair, on the warehouse of BI.

All sessions share one connection: a login takes a second, and the warehouse is paid by the minute. So an open page does
not look for news by itself. A click does, at most once a minute.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from time import monotonic
from typing import Any

import snowflake.connector as connector
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from analytics.settings import Settings, SnowflakeLogin
from analytics.warehouse.source import MAX_ROWS, Incomplete, Rows, Unavailable, too_many

_ASK_AGAIN_SECONDS = 60.0
_NO_OBJECT = (2003, 2043)
_NO_COLUMN = 904
_LOST = (250001, 250002, 390111, 390112, 390114, 390195)
_STATE = ("select run_id, published_at from _publication", "select max(ended_at) from ops_runs")
"""What changes with a publication, and with a run that published nothing: its record is to be seen, too."""


class SnowflakeAccount:
    """The account that `settings` name."""

    polls = False

    def __init__(self, settings: Settings, login: SnowflakeLogin) -> None:
        self._settings = settings
        self._login = login
        self._lock = Lock()
        self._connection: Any = None
        self._known = ""
        self._asked_at = -_ASK_AGAIN_SECONDS

    def publication_id(self) -> str:
        """Return the last publication and the last run, at most a minute old. See `Source.publication_id`."""
        if monotonic() - self._asked_at >= _ASK_AGAIN_SECONDS:
            self._known = " ".join(self._newest(question) for question in _STATE)
            self._asked_at = monotonic()
        return self._known

    def _newest(self, question: str) -> str:
        try:
            rows = self.query(question, ()).rows
        except Incomplete:
            rows = ()
        return str(rows[0]) if rows else "unknown"

    @contextmanager
    def session(self, publication_id: str) -> Iterator[SnowflakeAccount]:
        """Yield a session. dbt replaces table by table, so each query reads its table's present state.

        See `Source.session`.
        """
        yield self

    def query(self, sql: str, values: Sequence[object]) -> Rows:
        """Return the rows of a query. A lost connection is opened again, once. See `Session.query`."""
        with self._lock:
            known = self._connection is not None
            try:
                return self._ask(sql, values)
            except connector.Error as error:
                self._close()
                if not (known and error.errno in _LOST):
                    raise self._explained(error) from error
            try:
                return self._ask(sql, values)
            except connector.Error as error:
                self._close()
                raise self._explained(error) from error

    def _ask(self, sql: str, values: Sequence[object]) -> Rows:
        if self._connection is None:
            self._connection = self._connect()
        with self._connection.cursor() as cursor:
            cursor.execute(sql, tuple(values), timeout=int(self._settings.seconds))
            columns = tuple(column[0].lower() for column in cursor.description)
            rows = cursor.fetchmany(MAX_ROWS + 1)
        if len(rows) > MAX_ROWS:
            raise too_many(len(columns))
        return Rows(columns, tuple(map(tuple, rows)))

    def _close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close(retry=False)

    def _connect(self) -> Any:
        login = self._login
        # The connector logs errors, with tracebacks, that it raises as well.
        logging.getLogger("snowflake.connector").setLevel(logging.CRITICAL)
        place = {"host": login.host, "port": login.port, "protocol": login.protocol} if login.host else {}
        proof: dict[str, object] = (
            {"password": login.password}
            if login.password
            else {"authenticator": "SNOWFLAKE_JWT", "private_key": self._key()}
        )
        return connector.connect(
            account=login.account,
            **place,
            **proof,
            user=login.user,
            role=login.role,
            warehouse=login.warehouse,
            database=self._settings.database,
            schema=self._settings.mart,
            login_timeout=login.login_seconds,
            network_timeout=login.network_seconds,
            paramstyle="qmark",
            application="dp_mailblaze_demo",
            platform_detection_timeout_seconds=0.0,
            session_parameters={
                "TIMEZONE": "UTC",
                "QUERY_TAG": "analytics",
                "STATEMENT_TIMEOUT_IN_SECONDS": int(self._settings.seconds),
                "CLIENT_TELEMETRY_ENABLED": False,
            },
        )

    def _key(self) -> bytes:
        login = self._login
        help_ = "Set SNOWFLAKE_READER_PRIVATE_KEY_PATH to the reader's private key, in PEM."
        try:
            text = login.key_path.read_bytes() if login.key_path else (login.key_text or "").encode()
        except OSError as error:
            raise Unavailable(f"The reader's key cannot be read: {error.strerror}.", help_) from error
        try:
            key = serialization.load_pem_private_key(
                text.replace(b"\\n", b"\n"), login.passphrase.encode() if login.passphrase else None
            )
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise Unavailable(
                "The reader's key is no private key in PEM, or its passphrase is wrong.", help_
            ) from error
        return key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def _explained(self, error: connector.Error) -> Unavailable:
        login = self._login
        message = str(error.msg or error).strip().splitlines()[0]
        host = login.host or f"{login.account}.snowflakecomputing.com"
        if error.errno in _NO_OBJECT or error.errno == _NO_COLUMN:
            return Incomplete(
                f"The marts are not those that this page knows: {message}",
                f"Run the flow with this version's models, and see that {login.role} may read {self._settings.mart}.",
            )
        if isinstance(error, connector.OperationalError):
            return Unavailable(
                f"Snowflake does not answer at {host}: {message}",
                "Check the network and SNOWFLAKE_ACCOUNT; this page tries again when you reload it.",
            )
        if isinstance(error, connector.DatabaseError) and error.errno is not None and 390100 <= error.errno < 390500:
            return Unavailable(
                f"Snowflake refuses {login.user} as {login.role}: {message}",
                "Check SNOWFLAKE_READER_USER, its key and its role.",
            )
        return Unavailable(f"Snowflake could not answer: {message}", "Choose less, or ask an operator.")

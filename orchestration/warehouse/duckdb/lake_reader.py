"""DuckDB's access to `s3://`: its extension from a wheel, credentials from botocore, errors as the platform's errors.

Nothing is downloaded: autoloading is switched off, and the extension is a file of the installed package.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import duckdb

from ingest.errors import AccessError, ConfigurationError, FatalError, PlatformError, TransientError, first_line
from ingest.retry_policies import LAKE_SCAN
from ingest.settings import LakeSettings

if TYPE_CHECKING:
    from botocore.credentials import Credentials

_EXTENSION_PACKAGE = "duckdb_extension_httpfs"
_URI = re.compile(r"s3://[^'\"\s]+")
_TRANSIENT_STATUS = frozenset({408, 429, 500, 502, 503, 504})

PARQUET = "read_parquet(?, union_by_name = true, hive_partitioning = false)"
"""Reads a bound list of files. `dt=...` in their paths is a folder's name, not a column."""
DESCRIBE_PARQUET = f"DESCRIBE SELECT * FROM {PARQUET}"  # noqa: S608 - a constant
"""Names and types of the columns of those files together."""


def open_duckdb(
    path: Path | None, *, read_only: bool = False, memory_limit: str | None = None
) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB database (in memory for None) in UTC. It downloads no extension. Raises duckdb.Error."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if memory_limit is not None:
        config["memory_limit"] = memory_limit
    connection = duckdb.connect(str(path) if path else ":memory:", read_only=read_only, config=config)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


class LakeAccess:
    """A giver of the lake's credentials to connections. It renews temporary credentials."""

    def __init__(self, settings: LakeSettings) -> None:
        self._settings = settings
        self._credentials: Credentials | None = None
        self._granted: dict[str, object] | None = None
        self._one_at_a_time = Lock()

    def load_extension(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Load httpfs. Raises ConfigurationError if its wheel is missing or was built for another DuckDB."""
        try:
            resource = files(_EXTENSION_PACKAGE) / "extensions" / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
        except ModuleNotFoundError as error:
            raise _no_extension() from error
        with as_file(resource) as path:
            if not path.exists():
                raise _no_extension()
            connection.execute(f"LOAD '{escaped(str(path))}'")
        connection.execute(f"SET http_retries = {LAKE_SCAN.further_tries}")
        connection.execute(f"SET http_retry_wait_ms = {LAKE_SCAN.first_wait * 1000:.0f}")
        # Files never change, so cached footers stay true.
        connection.execute("SET parquet_metadata_cache = true")

    def grant(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make or renew the S3 secret of the connection's database. Not inside a transaction. Raises AccessError."""
        with self._one_at_a_time:
            options = self._options()
            if options == self._granted:
                return
            given = {name: value for name, value in options.items() if value is not None}
            assignments = ", ".join(f"{name} ?" for name in given)
            connection.execute(
                f"CREATE OR REPLACE SECRET lake (TYPE s3, PROVIDER config, {assignments})", list(given.values())
            )
            self._granted = options

    def _options(self) -> dict[str, object]:
        credentials = self._frozen_credentials()
        endpoint = urlsplit(self._settings.endpoint_url or "")
        options: dict[str, object] = {
            "KEY_ID": credentials[0],
            "SECRET": credentials[1],
            "SESSION_TOKEN": credentials[2],
            "REGION": self._settings.region,
        }
        if endpoint.netloc:
            options |= {
                "ENDPOINT": endpoint.netloc + endpoint.path.rstrip("/"),
                "URL_STYLE": "path",
                "USE_SSL": endpoint.scheme == "https",
            }
        return options

    def _frozen_credentials(self) -> tuple[str | None, str | None, str | None]:
        import boto3

        if self._credentials is None:
            self._credentials = boto3.session.Session().get_credentials()
        if self._credentials is None:
            raise AccessError(
                "there are no AWS credentials", hint="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile."
            )
        frozen = self._credentials.get_frozen_credentials()
        return frozen.access_key, frozen.secret_key, frozen.token


@contextmanager
def lake_errors(settings: LakeSettings, stream: str | None, doing: str) -> Iterator[None]:
    """Turn DuckDB's errors about reading the lake into a PlatformError about `stream`."""
    try:
        yield
    except duckdb.Error as error:
        raise lake_error(error, settings, stream, doing) from error


def lake_error(error: duckdb.Error, settings: LakeSettings, stream: str | None, doing: str) -> PlatformError:
    """Return the PlatformError for a DuckDB error raised while reading files of the lake."""
    reason = first_line(error)
    found = _URI.search(str(error))
    place = found[0] if found else f"s3://{settings.bucket}"
    if isinstance(error, duckdb.HTTPException):
        return _http_error(int(getattr(error, "status_code", 0) or 0), place, settings, stream, reason)
    if isinstance(error, duckdb.IOException) and _is_network(reason):
        return TransientError(
            f"cannot {doing}: S3 at {settings.endpoint_url or 'AWS'} does not answer ({reason})",
            stream=stream,
            hint="Check AWS_ENDPOINT_URL and the network.",
        )
    return FatalError(f"cannot {doing}: {reason}", stream=stream)


def _http_error(status: int, place: str, settings: LakeSettings, stream: str | None, text: str) -> PlatformError:
    make: Callable[..., PlatformError]
    if status == 404:
        make, message = FatalError, f"the lake's log names {place}, but there is no such file"
        hint = "Restore it from the bucket's versions; nothing of this version was loaded."
    elif status in (400, 401, 403):
        make, message = AccessError, f"S3 refuses to read {place} ({status})"
        hint = "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the policy of the loader."
    elif status in (301, 307):
        make, message = ConfigurationError, f"{place} is in another region"
        hint = "Correct AWS_REGION."
    elif status in _TRANSIENT_STATUS or status == 0:
        make, message = TransientError, f"cannot read {place}: S3 answered {status or text}"
        hint = f"Check S3 at {settings.endpoint_url or 'AWS'}."
    else:
        make, message, hint = FatalError, f"cannot read {place}: {text}", None
    return make(message, stream=stream, hint=hint)


def _is_network(text: str) -> bool:
    return any(word in text.lower() for word in ("http", "connect", "timeout", "timed out", "ssl"))


def escaped(text: str) -> str:
    """Return `text` for use between the quotes of a literal, where DuckDB accepts no parameter."""
    return text.replace("'", "''")


def _no_extension() -> ConfigurationError:
    return ConfigurationError(
        f"DuckDB {duckdb.__version__} has no httpfs extension here, which reads s3://",
        hint=f"Install the package duckdb-extension-httpfs=={duckdb.__version__}.",
    )

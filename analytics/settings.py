"""The page's settings: the environment variables by which the platform's own readers find the marts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from analytics.warehouse.source import Unavailable

_Get = Callable[[str, str], str]
_PREFIX = "DP_MAILBLAZE_DEMO_DEV"


@dataclass(frozen=True)
class SnowflakeLogin:
    """The reader's account, user, key and warehouse. A password is accepted only for an emulator on this machine."""

    account: str
    user: str
    role: str
    warehouse: str
    key_path: Path | None = None
    key_text: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    host: str | None = None
    port: int = 443
    protocol: str = "https"
    login_seconds: int = 20
    network_seconds: int = 30


@dataclass(frozen=True)
class Settings:
    """The location of the marts, and the limits of one query: memory in DuckDB's form, and seconds.

    `snowflake` is None for DuckDB.
    """

    directory: Path
    database: str
    mart: str
    memory: str
    seconds: float
    snowflake: SnowflakeLogin | None = None

    @property
    def file(self) -> Path:
        """The DuckDB file that runs publish."""
        return self.directory / "published" / f"{self.database}.duckdb"

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        """Return settings from environment variables.

        An empty variable counts as unset. Raises Unavailable for a bad one.
        """

        def get(name: str, default: str) -> str:
            return environment.get(name) or default

        kind = get("WAREHOUSE", "duckdb").lower()
        if kind not in ("duckdb", "snowflake"):
            raise Unavailable(f"WAREHOUSE is {kind!r}.", "Set it to duckdb or to snowflake.")
        return cls(
            directory=Path(get("WAREHOUSE_DIR", ".local/warehouse")),
            database=get("WAREHOUSE_DATABASE", f"{_PREFIX}_DB"),
            mart=get("MART_SCHEMA", "MART"),
            memory=get("DUCKDB_MEMORY_LIMIT", "512MB"),
            seconds=_number("QUERY_TIMEOUT_SECONDS", get("QUERY_TIMEOUT_SECONDS", "30")),
            snowflake=_login(get) if kind == "snowflake" else None,
        )


def _login(get: _Get) -> SnowflakeLogin:
    account = get("SNOWFLAKE_ACCOUNT", "")
    if not account:
        raise Unavailable("WAREHOUSE is snowflake, and no account is named.", "Set SNOWFLAKE_ACCOUNT.")
    own = bool(get("SNOWFLAKE_READER_PRIVATE_KEY_PATH", "") or get("SNOWFLAKE_READER_PRIVATE_KEY", ""))
    password = get("SNOWFLAKE_PASSWORD", "") or None
    host = get("SNOWFLAKE_HOST", "") or None
    if password and host not in ("localhost", "127.0.0.1", "::1"):
        raise Unavailable(
            "SNOWFLAKE_PASSWORD is accepted only for an emulator on this machine.",
            "Set SNOWFLAKE_READER_PRIVATE_KEY_PATH, and remove the password.",
        )
    if not own and not password:
        raise Unavailable(
            "WAREHOUSE is snowflake, and the reader has no key.",
            "Set SNOWFLAKE_READER_PRIVATE_KEY_PATH to the private key of SNOWFLAKE_READER_USER.",
        )
    path = get("SNOWFLAKE_READER_PRIVATE_KEY_PATH", "")
    user = get("SNOWFLAKE_READER_USER", f"{_PREFIX}_SVC_READER")
    return SnowflakeLogin(
        account=account,
        user=user if own else get("SNOWFLAKE_DBT_USER", "") or get("SNOWFLAKE_USER", "") or user,
        role=get("SNOWFLAKE_READER_ROLE", f"{_PREFIX}_READER"),
        warehouse=get("SNOWFLAKE_BI_WAREHOUSE", f"{_PREFIX}_BI_WH"),
        key_path=Path(path) if path else None,
        key_text=get("SNOWFLAKE_READER_PRIVATE_KEY", "") or None,
        passphrase=get("SNOWFLAKE_READER_PRIVATE_KEY_PASSPHRASE", "") or None,
        password=None if own else password,
        host=host,
        port=int(_number("SNOWFLAKE_PORT", get("SNOWFLAKE_PORT", "443"))),
        protocol=get("SNOWFLAKE_PROTOCOL", "https"),
        login_seconds=int(_number("SNOWFLAKE_LOGIN_TIMEOUT_SECONDS", get("SNOWFLAKE_LOGIN_TIMEOUT_SECONDS", "20"))),
    )


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise Unavailable(f"{name} is {text!r}.", "Set it to a number above 0, or leave it out.")
    return value

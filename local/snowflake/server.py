"""Starts the emulated Snowflake account (`local/snowflake/emulator`) in its own Python environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import ConfigurationError
from local.environment import clean_environment
from local.processes import Command, Process, Spawner, Stop

REPOSITORY = Path(__file__).parents[2]
EMULATOR_PYTHON = REPOSITORY / ".venv-emulator" / "bin" / "python"
"""Not there where the emulator is not installed."""
ACCOUNT = "emulated"
USER = "test"
PASSWORD = "test"  # noqa: S105 - the emulator's only user with a password; it listens on this machine alone
_READY_SECONDS = 60.0


@dataclass(frozen=True)
class SnowflakeEmulator:
    """A running account on 127.0.0.1, in memory. `USER` may do everything in it, and starts as ACCOUNTADMIN."""

    port: int
    process: Process

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables by which a program logs in to this account."""
        return {
            "SNOWFLAKE_HOST": "127.0.0.1",
            "SNOWFLAKE_PORT": str(self.port),
            "SNOWFLAKE_PROTOCOL": "http",
            "SNOWFLAKE_ACCOUNT": ACCOUNT,
            "SNOWFLAKE_USER": USER,
            "SNOWFLAKE_PASSWORD": PASSWORD,
        }


@dataclass(frozen=True)
class StartingSnowflakeEmulator:
    """An account whose process was started. `ready` waits for it."""

    process: Process
    port_file: Path

    def ready(self) -> SnowflakeEmulator:
        """Wait until the account accepts connections. Raises LocalStackError if it does not."""
        self.process.wait_until(self.port_file.exists, _READY_SECONDS)
        return SnowflakeEmulator(int(self.port_file.read_text()), self.process)


def start_snowflake_emulator(
    spawner: Spawner,
    directory: Path,
    logs: Path,
    s3_environment: Mapping[str, str],
    *,
    name: str = "snowflake",
    copy_seconds: float = 0.0,
) -> StartingSnowflakeEmulator:
    """Start an account on a free port, and return at once.

    Its stages read S3 by `s3_environment` (AWS_ENDPOINT_URL and credentials). Its files are `<name>.port` in
    `directory` and `<name>.log` in `logs`, so `name` must be unique. Each COPY takes at least `copy_seconds`.

    Raises ConfigurationError if its environment is not installed.
    """
    if not EMULATOR_PYTHON.exists():
        raise ConfigurationError(
            f"the emulated Snowflake is not installed: there is no {EMULATOR_PYTHON}",
            hint="`make demo WAREHOUSE=snowflake` installs it, and so does `make test-snowflake`.",
        )
    port_file = directory / f"{name}.port"
    port_file.unlink(missing_ok=True)
    command = Command(
        "the emulated Snowflake",
        (EMULATOR_PYTHON, "-m", "local.snowflake.serve", "--port-file", port_file, "--copy-seconds", str(copy_seconds)),
        logs / f"{name}.log",
        clean_environment(s3_environment),
        REPOSITORY,
        stop=(Stop("KILL", 5.0),),  # all state is in memory, so nothing needs to finish
    )
    return StartingSnowflakeEmulator(spawner.spawn(command), port_file)

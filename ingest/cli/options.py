"""Helpers of several commands: they load settings and contracts, and parse durations."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ingest.errors import ConfigurationError

if TYPE_CHECKING:
    from ingest.contracts.model import StreamContract
    from ingest.contracts.registry import ContractRegistry
    from ingest.lake.objects.store import ObjectStore
    from ingest.settings import IngestSettings


def settings() -> IngestSettings:
    """Return settings from the environment, and set up logging by them."""
    import logging
    import sys

    from ingest import logs
    from ingest.settings import IngestSettings

    loaded = IngestSettings.load()
    quiet = loaded.log_format == "auto" and sys.stderr.isatty()
    logs.configure(loaded.log_format, level=logging.WARNING if quiet else logging.INFO)
    return loaded


def contracts(loaded: IngestSettings) -> ContractRegistry:
    """Return all contracts of CONTRACTS_DIR."""
    from ingest.contracts.registry import ContractRegistry

    return ContractRegistry.load(loaded.contracts_dir)


def contract(loaded: IngestSettings, stream: str) -> StreamContract:
    """Return one stream's contract."""
    return contracts(loaded).select([stream])[0]


def store(loaded: IngestSettings) -> ObjectStore:
    """Return the lake."""
    from ingest.lake.objects.store import ObjectStore

    return ObjectStore(loaded.lake)


def guard_dsn(option: str, value: str, loaded: IngestSettings) -> None:
    """Warn of a password in a command-line argument, and hide it. Raises ConfigurationError if the environment forbids
    one.
    """
    import typer

    from common.arguments import PasswordArgumentError, guard_argument

    try:
        guard_argument(
            option,
            value,
            variable="POSTGRES_DSN",
            environment=loaded.environment,
            warn=lambda text: typer.echo(f"warning: {text}", err=True),
        )
    except PasswordArgumentError as error:
        raise ConfigurationError(str(error)) from None


def hours(count: float, option: str) -> timedelta:
    """Return `count` hours. Raises ConfigurationError that names `option` if they are no valid length of time."""
    try:
        return timedelta(hours=count)
    except (ValueError, OverflowError):
        raise ConfigurationError(f"{option} is {count}, which is no length of time") from None

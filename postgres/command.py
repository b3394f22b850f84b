"""Helpers of the shop's commands: error reporting, required settings, parameter types."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg2
import typer
from pydantic import SecretStr

from common.arguments import guard_argument
from common.environment import refuse_placeholders
from common.foreign_text import harmless
from postgres.connection import first_line
from postgres.errors import ShopError
from postgres.settings import ShopSettings
from postgres.shop.visits import NO_VISITS, Visits
from postgres.web_log import WebLog

_UNIT_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:[0-9]+[dhms])+")
MAX_DURATION = timedelta(days=3_650)
_FIRST_INSTANT, _LAST_INSTANT = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@contextmanager
def reported_errors() -> Iterator[None]:
    """Turn errors into one line on stderr and an exit code.

    2: the caller can correct it (ShopError, missing tables or privileges). 1: the database failed.
    """
    try:
        yield
    except ShopError as error:
        _exit(str(error), 2)
    except psycopg2.errors.UndefinedTable as error:
        _exit(f"this database is not a shop ({first_line(error)}): create one with postgres.setup", 2)
    except (psycopg2.errors.InsufficientPrivilege, psycopg2.errors.ReadOnlySqlTransaction) as error:
        _exit(f"this login may not change the shop ({first_line(error)}): use the owner's", 2)
    except psycopg2.Error as error:
        _exit(f"the database failed: {first_line(_first(error))}", 1)


def required(setting: SecretStr | None, variable: str) -> str:
    """Return the setting. Raises ShopError if it is empty."""
    value = setting.get_secret_value() if setting else ""
    if not value:
        raise ShopError(f"{variable} is not set: set {variable}")
    return value


def required_dsn(
    option: str | None, setting: SecretStr | None, option_name: str, variable: str, environment: str
) -> str:
    """Return the option, or else the setting.

    Raises ShopError if both are empty, or if the option holds a forbidden secret.
    """
    if not option:
        if not setting or not setting.get_secret_value():
            raise ShopError(f"{variable} is not set: give {option_name} or set {variable}")
        return setting.get_secret_value()
    try:
        guard_argument(option_name, option, variable=variable, environment=environment, warn=_warn)
        refuse_placeholders(environment, {variable: option})
    except ValueError as error:
        raise ShopError(str(error)) from None
    return option


def parse_duration(text: str) -> timedelta:
    """Parse `1d`, `90m`, `1d12h` or `10s`: positive whole numbers of days, hours, minutes and seconds.

    Raises typer.BadParameter otherwise, and above MAX_DURATION.
    """
    if not _DURATION.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is not a duration: write 1d, 12h, 30m, 10s or 1d12h")
    seconds = sum(int(part[:-1]) * _UNIT_SECONDS[part[-1]] for part in re.findall(r"[0-9]+[dhms]", text))
    if not 0 < seconds <= MAX_DURATION.total_seconds():
        raise typer.BadParameter(f"{text!r} is out of range: 1s to {MAX_DURATION.days}d")
    return timedelta(seconds=seconds)


def parse_instant(text: str) -> datetime:
    """Parse an ISO 8601 time with an offset, as UTC. Raises typer.BadParameter otherwise, and out of range."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not an ISO 8601 time: write 2026-01-31T12:00:00Z") from None
    if instant.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no offset: append Z for UTC")
    if not _FIRST_INSTANT <= instant < _LAST_INSTANT:
        raise typer.BadParameter(f"{text!r} is out of range: {_FIRST_INSTANT:%Y-%m-%d} to {_LAST_INSTANT:%Y-%m-%d}")
    return instant.astimezone(UTC)


def told_visits() -> Visits:
    """Return the visits by links in e-mails from SHOP_VISITS_URL, or none if it is not set.

    Raises ShopError for a bad setting.
    """
    settings = ShopSettings.load()
    if not settings.visits_url:
        return NO_VISITS
    return WebLog(settings.visits_url, required(settings.visits_key, "SHOP_VISITS_KEY"))


def the_business_now() -> datetime | None:
    """Return BUSINESS_NOW, at which the business's time stands; None if it is the clock's.

    Raises ShopError for a bad value.
    """
    text = ShopSettings.load().business_now
    try:
        return parse_instant(text) if text else None
    except typer.BadParameter as error:
        raise ShopError(f"BUSINESS_NOW: {error.message}") from None


def print_counts(title: str, counts: Mapping[str, int]) -> None:
    """Print a title and a line per count, in columns."""
    typer.echo(title)
    for name, count in counts.items():
        typer.echo(f"  {name.replace('_', ' '):<24}{count:>12,}")


def _first(error: BaseException) -> BaseException:
    """Return the original error. A rollback on a lost connection raises a second one."""
    while isinstance(error.__context__, psycopg2.Error):
        error = error.__context__
    return error


def _warn(message: str) -> None:
    typer.echo(f"warning: {message}", err=True)


def _exit(message: str, code: int) -> None:
    typer.echo(f"error: {harmless(message)}", err=True)
    raise typer.Exit(code)

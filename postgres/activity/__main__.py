"""The command `python -m postgres.activity`."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from psycopg2.extensions import connection as Connection

from postgres.activity.advance import advance, latest_business_time
from postgres.activity.continuous import keep_advancing, until_signalled
from postgres.activity.report import ActivityReport
from postgres.command import (
    parse_duration,
    parse_instant,
    print_counts,
    reported_errors,
    required_dsn,
    the_business_now,
    told_visits,
)
from postgres.connection import connected
from postgres.errors import ShopError
from postgres.settings import ShopSettings

DEFAULT_SPAN = timedelta(days=1)


def command(
    dsn: Annotated[
        str | None, typer.Option(help="The shop, as its owner, without a password.  [env: POSTGRES_DSN]")
    ] = None,
    span: Annotated[
        timedelta | None,
        typer.Option(
            parser=parse_duration,
            metavar="DURATION",
            help="Business time to advance by: 1d, 12h, 90m.  [default: 1d; with --every: the time passed]",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Equal shops and equal seeds live equal days.")] = 1,
    business_now: Annotated[
        datetime | None,
        typer.Option(
            parser=parse_instant,
            metavar="TIME",
            help="Where to go on, ISO 8601.  [default: the shop's latest time; with --every alone: now, which is"
            " BUSINESS_NOW at the start where that is set]",
        ),
    ] = None,
    every: Annotated[
        timedelta | None,
        typer.Option(
            parser=parse_duration,
            metavar="DURATION",
            help="Go on for ever, once in so much time, until SIGINT or SIGTERM.",
        ),
    ] = None,
) -> None:
    """Advance the shop: orders, deliveries, price changes, sign-ups, deletions."""
    with reported_errors():
        settings = ShopSettings.load()
        where = required_dsn(dsn, settings.dsn, "--dsn", "POSTGRES_DSN", settings.environment)
        with connected(where, application_name="shop-activity") as connection:
            if every is None:
                _once(connection, business_now, span or DEFAULT_SPAN, seed)
            else:
                _for_ever(connection, business_now, span, every, seed)


def _once(connection: Connection, business_now: datetime | None, span: timedelta, seed: int) -> None:
    start = business_now or _latest(connection)
    report = advance(connection, business_now=start, span=span, seed=seed, visits=told_visits())
    print_counts(f"advanced from {_minute(start)} to {_minute(start + span)} (business time)", dict(report.counts()))


def _for_ever(
    connection: Connection,
    business_now: datetime | None,
    step: timedelta | None,
    every: timedelta,
    seed: int,
) -> None:
    with until_signalled() as wait:
        behind = _behind_the_clock(connection)
        start = business_now or (_latest(connection) if step else _now() - behind)
        typer.echo(f"advancing every {every} from {_minute(start)} (business time) until SIGINT or SIGTERM")
        keep_advancing(
            connection,
            business_now=start,
            step=step,
            every=every,
            seed=seed,
            wait=wait,
            clock=lambda: _now() - behind,
            visits=told_visits(),
            on_advanced=_print_line,
        )
    typer.echo("stopped")


def _behind_the_clock(connection: Connection) -> timedelta:
    """Return how far the business time lies behind the clock, if BUSINESS_NOW is set.

    A shop that has been advanced since continues from its latest business time.
    """
    standing = the_business_now()
    return timedelta(0) if standing is None else _now() - max(standing, _latest(connection))


def _print_line(until: datetime, report: ActivityReport) -> None:
    happened = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in report.counts() if count)
    typer.echo(f"{until.isoformat(timespec='seconds')}  {happened or 'nothing'}")


def _latest(connection: Connection) -> datetime:
    latest = latest_business_time(connection)
    if latest is None:
        raise ShopError("the shop is empty: fill it with postgres.seed first")
    return latest


def _now() -> datetime:
    return datetime.now(UTC)


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}Z"


if __name__ == "__main__":
    typer.run(command)

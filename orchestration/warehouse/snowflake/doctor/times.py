"""Checks of casts of times, as staging writes them (`dbt/macros/dialect/timestamps.sql`), in the transformer's
session.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from ingest.doctor.clocks import skew_seen
from ingest.findings import Check, Seen, wrong
from orchestration.warehouse.snowflake.doctor.account import Account, Role

CASTS: tuple[tuple[str, object], ...] = (
    (
        "cast(convert_timezone('UTC', cast('2026-07-01 12:00:00 +02:00' as timestamp_tz)) as timestamp_ntz)",
        datetime(2026, 7, 1, 10),  # noqa: DTZ001 - without zone
    ),
    (
        "cast(convert_timezone('UTC', try_cast('2026-07-01T10:00:00.123456Z' as timestamp_tz)) as timestamp_ntz)",
        datetime(2026, 7, 1, 10, 0, 0, 123456),  # noqa: DTZ001
    ),
    ("try_cast('2026-13-01T10:00:00Z' as timestamp_tz)", None),
    ("cast('2026-07-01 10:00:00' as timestamp_ntz)", datetime(2026, 7, 1, 10)),  # noqa: DTZ001
    ("date_part(epoch_microsecond, cast('1970-01-01 00:00:01.000001' as timestamp_ntz))", 1_000_001),
)
"""Expressions, and what they are wherever the session is."""


def checks(account: Account) -> Iterator[Check]:
    """Yield all checks of casts."""
    yield Check("casts of times", "as in the models' tests", partial(_casts, account))
    yield Check("times that are bound", "the same moment comes back", partial(_bound, account))
    yield Check("clock of the account", "within 30 s of this machine's", partial(_clock, account))


def _casts(account: Account) -> Seen:
    [row] = account.session(Role.TRANSFORMER).query(f"SELECT {', '.join(expression for expression, _ in CASTS)}")
    others = [
        f"{expression} is {found}"
        for (expression, expected), found in zip(CASTS, row, strict=True)
        if found != expected and str(found) != str(expected)
    ]
    if others:
        return wrong(
            "; ".join(others), "Times in the marts would be others than DuckDB's: do not publish, and report it."
        )
    return Seen(f"{len(CASTS)} of {len(CASTS)}")


def _bound(account: Account) -> Seen:
    moment = datetime(2026, 7, 1, 10, 0, 0, 123456, tzinfo=UTC)
    session = account.session(Role.LOADER)
    [(found, below)] = session.query("SELECT ?, ? < current_timestamp()", [moment, moment - timedelta(days=36500)])
    if found != moment or not below:
        return wrong(f"{found} of {moment}", "Times that are bound change their moment: do not load, and report it.")
    return Seen("it does")


def _clock(account: Account) -> Seen:
    [(now,)] = account.session(Role.LOADER).query("SELECT current_timestamp()")
    return skew_seen(now, "the account's clock")  # type: ignore[arg-type]

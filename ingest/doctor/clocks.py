"""A comparison of another machine's clock with ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ingest.findings import Seen, wrong

ALLOWED = timedelta(seconds=30)
"""S3 refuses requests that are signed 15 minutes off, Snowflake tokens that are a minute off."""


def skew_seen(theirs: datetime, whose: str, *, ours: datetime | None = None) -> Seen:
    """Report how far the clock `theirs` is from ours. `ours` is the current time by default."""
    skew = theirs - (ours or datetime.now(UTC))
    seconds = skew.total_seconds()
    if abs(skew) <= ALLOWED:
        return Seen(f"{abs(seconds):.0f} s apart")
    where = "ahead of" if seconds > 0 else "behind"
    return wrong(
        f"{whose} is {abs(seconds):.0f} s {where} this machine",
        "Set the clock that is wrong: `timedatectl` shows this machine's, and whether it is kept.",
    )

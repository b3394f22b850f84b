"""Checks of claims: two sessions claim one stream, as two loads would, and LOCK_TIMEOUT ends the wait of the second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from uuid import uuid4

from ingest.errors import ConfigurationError, TransientError
from ingest.findings import Check, Seen, wrong
from orchestration.warehouse.ddl import claim_table
from orchestration.warehouse.snowflake.dialect import SNOWFLAKE
from orchestration.warehouse.snowflake.doctor.account import SCRATCH_PREFIX, Account, Role, rolled_back
from orchestration.warehouse.snowflake.errors import LockedError
from orchestration.warehouse.snowflake.session import SnowflakeSession

_GRACE_SECONDS = 5
_ADVICE = "Do not run two loads at once in this account, and report it."


def checks(account: Account) -> Iterator[Check]:
    """Yield all checks of claims."""
    seconds = account.patience.lock_seconds
    yield Check(
        "claim: two sessions on one", f"the second is refused after LOCK_TIMEOUT, {seconds} s", partial(_one, account)
    )
    yield Check("claim: two sessions on two", "neither waits for the other", partial(_two, account))
    yield Check("claim: after ROLLBACK", "the next has it at once", partial(_after, account))


def _one(account: Account) -> Seen:
    limit = account.patience.lock_seconds
    with (
        _claim_table(account) as claim,
        account.apart(Role.LOADER) as first,
        _impatient(account) as second,
        rolled_back(first),
    ):
        first.claim(claim)
        started = time.monotonic()
        try:
            with rolled_back(second):
                second.claim(claim)
        except LockedError:
            waited = time.monotonic() - started
        except TransientError as error:
            return wrong(f"refused, not by LOCK_TIMEOUT: {error.message}", _ADVICE)
        except ConfigurationError as error:
            return wrong(f"waited beyond LOCK_TIMEOUT: {error.message}", f"LOCK_TIMEOUT is not obeyed. {_ADVICE}")
        else:
            return wrong("both sessions had it at once", _ADVICE)
    if not limit / 2 <= waited <= limit + _GRACE_SECONDS:
        return wrong(f"refused after {waited:.0f} s", f"LOCK_TIMEOUT is not obeyed. {_ADVICE}")
    return Seen(f"refused after {waited:.0f} s")


def _two(account: Account) -> Seen:
    with (
        _claim_table(account) as claim,
        _claim_table(account) as other,
        account.apart(Role.LOADER) as first,
        _impatient(account) as second,
        rolled_back(first),
        rolled_back(second),
    ):
        first.claim(claim)
        try:
            second.claim(other)
        except LockedError:
            return wrong(
                "the second waits for the first, as though they were of one stream",
                "Streams load one after another here, and the lease waits behind a COPY: set LOAD_CONCURRENCY=1.",
            )
    return Seen("neither does")


def _after(account: Account) -> Seen:
    with _claim_table(account) as claim, account.apart(Role.LOADER) as first, _impatient(account) as second:
        with rolled_back(first):
            first.claim(claim)
        try:
            with rolled_back(second):
                second.claim(claim)
        except LockedError:
            return wrong("the next waits, though the first has rolled back", f"ROLLBACK gives no lock back. {_ADVICE}")
    return Seen("it has")


@contextmanager
def _claim_table(account: Account) -> Iterator[str]:
    """Yield the claim of a stream with a unique name, and its table. Both are dropped at the end."""
    session, name = account.session(Role.LOADER), f"{SCRATCH_PREFIX}{uuid4().hex[:12]}".lower()
    session.prepare_claims([name])
    try:
        yield name
    finally:
        session.execute(f"DROP TABLE IF EXISTS {SNOWFLAKE.table(claim_table(name, account.schemas.raw))}")


@contextmanager
def _impatient(account: Account) -> Iterator[SnowflakeSession]:
    """Yield a session that waits for a lock as long as the check does, and for a statement a little longer."""
    limit = account.patience.lock_seconds
    with account.apart(Role.LOADER) as session:
        session.execute(f"ALTER SESSION SET LOCK_TIMEOUT = {limit}")
        session.execute(f"ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = {2 * limit}")
        yield session

"""The list of all checks of an account, in their order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from ingest.findings import Check
from orchestration.warehouse.snowflake.doctor import (
    copying,
    leftovers,
    locking,
    logins,
    marts,
    raw,
    stage,
    times,
    warehouses,
)
from orchestration.warehouse.snowflake.doctor.account import Account


def checks(account: Account, *, generation: str) -> Iterator[Check]:
    """Return the checks. Logins come first. Raises ConfigurationError for a key that cannot be read."""
    return chain(
        logins.checks(account),
        warehouses.checks(account, generation=generation),
        stage.checks(account),
        raw.checks(account),
        marts.checks(account),
        copying.checks(account),
        locking.checks(account),
        times.checks(account),
        leftovers.checks(account),
    )

"""Drops old scratch tables and views that a killed doctor has left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from ingest.findings import Check, Seen
from orchestration.warehouse.ddl import CLAIM_PREFIX, Table
from orchestration.warehouse.snowflake.dialect import SNOWFLAKE
from orchestration.warehouse.snowflake.doctor.account import SCRATCH_PREFIX, Account, Role

OLD = timedelta(hours=1)
"""Younger ones may be of a doctor that is looking just now."""
_PREFIXES = (SCRATCH_PREFIX, f"{CLAIM_PREFIX}{SCRATCH_PREFIX}".upper())


def checks(account: Account) -> Iterator[Check]:
    """Yield the check that drops leftovers."""
    for role in (Role.LOADER, Role.TRANSFORMER):
        yield Check(f"left by a doctor before: {role}", "nothing, or dropped now", partial(_dropped, account, role))


def _dropped(account: Account, role: Role) -> Seen:
    session = account.session(role)
    rows = session.query(
        "SELECT table_schema, table_name, table_type FROM information_schema.tables WHERE table_owner = ? "
        "AND created < dateadd('second', ?, current_timestamp())",
        [account.logins[role].role.upper(), -int(OLD.total_seconds())],
    )
    left = [(str(schema), str(name), str(kind)) for schema, name, kind in rows if str(name).startswith(_PREFIXES)]
    for schema, name, kind in left:
        what = "VIEW" if kind == "VIEW" else "TABLE"
        session.execute(f"DROP {what} IF EXISTS {SNOWFLAKE.table(Table(schema, name, ()))}")
    return Seen(f"dropped {', '.join(name for _, name, _ in left)}" if left else "nothing")

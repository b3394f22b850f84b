"""Checks of the stage: the prefixes that the loader may list, and those that nobody may list.

Each list is of an empty prefix, so it costs nothing, however large the lake is. Snowflake decides on the right to list
before it looks for files.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ingest.findings import Check, Seen, wrong
from ingest.lake.layout import BUILT, KEYS, LOG, OPS, PROBES, QUARANTINE, RUNS
from orchestration.warehouse.snowflake.doctor.account import Account, Role, refusal
from orchestration.warehouse.snowflake.session import SnowflakeSession

_NOWHERE = f"{PROBES}/"
_CLOSED = {
    "the rest of the bucket": _NOWHERE,
    f"{KEYS}/": f"{KEYS}/{_NOWHERE}",
    f"{LOG}/": f"{LOG}/{_NOWHERE}",
    f"{QUARANTINE}/": f"{QUARANTINE}/{_NOWHERE}",
    RUNS: f"{RUNS}{_NOWHERE}",
    OPS: f"{OPS}{_NOWHERE}",
    BUILT: f"{BUILT}{_NOWHERE}",
}


def checks(account: Account) -> Iterator[Check]:
    """Yield all checks of the stage."""
    for prefix in sorted({contract.spec.prefix for contract in account.contracts}):
        yield Check(
            f"stage: {prefix}/",
            "listed by the loader, who may use stage and integration",
            partial(_listed, account, f"{prefix}/{_NOWHERE}"),
        )
    for what, path in _CLOSED.items():
        yield Check(f"stage: {what}", "closed: blocked, or denied by AWS", partial(_closed, account, path))
    for role in (Role.TRANSFORMER, Role.READER):
        yield Check(f"stage: {role}", "refused", partial(_not_for, account, role))


def _list(account: Account, session: SnowflakeSession, path: str) -> None:
    session.query(f"LIST @{account.stage_name}/{path}")


def _listed(account: Account, path: str) -> Seen:
    _list(account, account.session(Role.LOADER), path)
    return Seen("listed")


def _closed(account: Account, path: str) -> Seen:
    session = account.session(Role.LOADER)
    if refusal(partial(_list, account, session, path)) is None:
        return wrong(
            "listed",
            "Add it to STORAGE_BLOCKED_LOCATIONS of the integration, and let the AWS role list and read events/* and "
            "inventory/* alone: `terraform apply` does both.",
        )
    return Seen("closed")


def _not_for(account: Account, role: Role) -> Seen:
    session = account.session(role)
    prefix = account.contracts[0].spec.prefix
    if refusal(partial(_list, account, session, f"{prefix}/{_NOWHERE}")) is None:
        name = account.logins[role].role
        return wrong("listed", f"REVOKE USAGE ON STAGE {account.stage_name} FROM ROLE {name};")
    return Seen("refused")

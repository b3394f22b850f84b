"""The operating-system account that Postgres runs as, because Postgres refuses to run as root."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass

from local.errors import LocalStackError

PREFERRED = ("postgres", "nobody")
"""`postgres` where a package has made it, else `nobody`, which all Linux distributions and macOS have."""


@dataclass(frozen=True)
class Account:
    """A user and its primary group."""

    name: str
    uid: int
    gid: int


def unprivileged_account() -> Account | None:
    """Return the account for Postgres if this process is root; None if it is not, and runs Postgres itself.

    initdb looks up its own user, so the account must exist by name.
    """
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall() if entry.pw_uid != 0}
    for name in PREFERRED:
        if name in known:
            return Account(name, known[name].pw_uid, known[name].pw_gid)
    raise LocalStackError(
        f"Postgres refuses to run as root, and this machine has neither a user {' nor '.join(PREFERRED)}. "
        "Run as an ordinary user instead."
    )

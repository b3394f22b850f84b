"""The environment of the children: ours, without what would send them elsewhere than to this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping

from common.environment import DEV

_FOREIGN_PREFIXES = ("AWS_", "PG", "POSTGRES_", "SAAS_", "SNOWFLAKE_", "PREFECT_", "DBT_")
_FOREIGN_NAMES = ("RAW_BUCKET", "ENVIRONMENT", "CONTRACTS_DIR", "BUSINESS_NOW")
_LOCAL_HOSTS = "127.0.0.1,localhost"


def clean_environment(additions: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without accounts and endpoints of the user, plus `additions`.

    It is `dev`, whose secrets the stack has. Files and paths are UTF-8 in it, whatever the locale is.

    A configured proxy is bypassed for this machine's own addresses.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_FOREIGN_PREFIXES) and name not in _FOREIGN_NAMES
    }
    exceptions = ",".join(filter(None, (kept.get("NO_PROXY") or kept.get("no_proxy"), _LOCAL_HOSTS)))
    own = {"ENVIRONMENT": DEV, "PYTHONUTF8": "1"}
    return {**kept, **own, "NO_PROXY": exceptions, "no_proxy": exceptions, **(additions or {})}

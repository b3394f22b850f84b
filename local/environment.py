"""The environment of child processes: ours, without variables that would direct them to other machines."""

from __future__ import annotations

import os
from collections.abc import Mapping

from common.environment import DEV

_FOREIGN_PREFIXES = ("AWS_", "PG", "POSTGRES_", "SAAS_", "SNOWFLAKE_", "PREFECT_", "DBT_")
_FOREIGN_NAMES = ("RAW_BUCKET", "ENVIRONMENT", "CONTRACTS_DIR", "BUSINESS_NOW")
_LOCAL_HOSTS = "127.0.0.1,localhost"


def clean_environment(additions: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without accounts and endpoints of the user, plus `additions`.

    ENVIRONMENT is `dev`, because the stack uses the demo's secrets. Files and paths are UTF-8, whatever the locale is.
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

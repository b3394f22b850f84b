"""The environment that a program runs in, and the demo's secrets, which are public: only `dev` accepts them.

If ENVIRONMENT is empty or not set, it is production. `python -m common.environment` checks this process' variables, for
programs that are not ours.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from common.passwords import password_of

DEV = "dev"
PRODUCTION = "production"

PLACEHOLDERS = frozenset(
    {"dev", "dev-admin-key", "dev-api-key", "dev-key", "dev-only-salt", "ingest", "postgres", "prefect", "shop", "test"}
)
"""Every secret that the demo, its containers, the emulated account, `.env.example` or the documentation come with."""

CONNECTION_STRINGS = (
    "POSTGRES_DSN",
    "POSTGRES_ADMIN_DSN",
    "DATABASE_URL",
    "PREFECT_API_DATABASE_CONNECTION_URL",
)
"""Variables whose value holds a password among other things."""
SECRETS = (
    "ADMIN_KEY",
    "API_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "EMAIL_SALT",
    "MOCK_SAAS_API_KEY",
    "PGPASSWORD",
    "POSTGRES_PASSWORD",
    "SAAS_ADMIN_KEY",
    "SAAS_API_KEY",
    "SERVER_AUTH_STRING",
    "SHOP_INGEST_PASSWORD",
    "SHOP_OWNER_PASSWORD",
    "SHOP_VISITS_KEY",
    "SNOWFLAKE_PASSWORD",
    "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE",
    "SNOWFLAKE_READER_PRIVATE_KEY_PASSPHRASE",
    "SNOWFLAKE_DBT_PRIVATE_KEY_PASSPHRASE",
)
"""Variables whose whole value is a secret, or half of one."""

_OF_THE_ENVIRONMENT = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD")
"""What libraries read from the process' environment, and no settings of ours hold."""
_EXIT_BAD_INPUT = 2


class PlaceholderError(ValueError):
    """A variable holds a secret of the demo although the environment is not dev.

    The message names it, not its value.
    """


def is_dev(environment: str | None) -> bool:
    """Return whether `environment` allows the demo's secrets. An empty value means production."""
    return environment == DEV


def refuse_placeholders(environment: str | None, values: Mapping[str, str | None]) -> None:
    """Raise PlaceholderError if one of `values`, by variable, is a secret of the demo and `environment` is not dev.

    Variables that libraries read from the process' environment are checked too.
    """
    if is_dev(environment):
        return
    known = {name: os.environ.get(name) for name in _OF_THE_ENVIRONMENT}
    for name, value in {**known, **values}.items():
        text = value or ""
        secret = password_of(text) if name in CONNECTION_STRINGS else text
        if name.endswith("_AUTH_STRING"):
            secret = text.partition(":")[2]
        if secret in PLACEHOLDERS:
            what = f"the password in {name}" if name in CONNECTION_STRINGS else name
            raise PlaceholderError(
                f"{what} is the demo's placeholder: ENVIRONMENT={environment or PRODUCTION} needs a secret one "
                "(ENVIRONMENT=dev allows it)"
            )


def main() -> int:
    """Check every variable of this process that is known to hold a secret.

    Return 0, or 2 if one is a secret of the demo.
    """
    try:
        refuse_placeholders(
            os.environ.get("ENVIRONMENT"), {name: os.environ.get(name) for name in (*SECRETS, *CONNECTION_STRINGS)}
        )
    except PlaceholderError as error:
        print(error, file=sys.stderr)
        return _EXIT_BAD_INPUT
    return 0


if __name__ == "__main__":
    sys.exit(main())

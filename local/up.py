"""`make stack`: the sources and the S3 endpoint, running until Ctrl-C, for use by hand."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from local.environment import clean_environment
from local.settings import LocalSettings
from local.stack import LocalStack, StackOptions, Started, local_stack
from local.state import State, open_state
from orchestration.business_time import as_variable

_CHECK_SECONDS = 1

_NEXT_STEPS = """
[bold]The stack is up.[/] In another terminal, in this directory:

  source {env_file} && source .venv/bin/activate
  ingest run --all                                  [dim]land what is new in the lake[/]
  ingest streams                                    [dim]how far each stream is[/]
  python orchestration/prefect/flow.py              [dim]the whole line, source to mart[/]
  python -m orchestration.warehouse query "from mart.dim_warehouse"
  python -m postgres.activity --dsn "$SHOP_OWNER_DSN" --span 1d
                                                    [dim]let a day go by in the shop[/]
{standing}
Logs: {logs}
Ctrl-C stops everything; the data is gone then.
"""

_STANDING = """
The business's time stands at {now}. To move it on by a day, let the day go by in the shop, and then:

  curl -sS -X POST -H "Authorization: Bearer $SAAS_ADMIN_KEY" -H "Content-Type: application/json" \\
    -d '{{"advance_seconds": 86400}}' $SAAS_BASE_URL/admin/clock
  export BUSINESS_NOW={tomorrow}
"""


def up(console: Console, *, scale: float, now: datetime | None = None) -> None:
    """Start the stack, write `stack.env`, and wait until a signal comes or one of the parts ends.

    The business's time stands still at `now` if it is given; otherwise it is the clock's.

    Raises LocalStackError if a part does not start, or ends by itself.
    """
    settings = LocalSettings()
    env_file = settings.state / "stack.env"
    with open_state(settings.state / "stack") as state:
        options = StackOptions(
            logs=state.logs,
            business_now=now or datetime.now(UTC),
            time_stands=now is not None,
            scale=scale,
            settings=settings,
        )
        with local_stack(options, lambda started: _show(console, started)) as stack:
            write_env_file(env_file, {**_environment(stack, state), **(as_variable(now) if now else {})})
            try:
                console.print(
                    _NEXT_STEPS.format(env_file=relative(env_file), logs=relative(state.logs), standing=_standing(now)),
                    soft_wrap=True,
                )
                _wait(stack)
            finally:
                env_file.unlink()


def relative(path: Path) -> Path:
    """Return the path as a person in the current directory would type it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def write_env_file(path: Path, variables: Mapping[str, str]) -> None:
    """Write `export` lines for a shell to `source`. Only this user can read the file, because it holds passwords.

    It also unsets two variables. The user's own AWS profile would override our keys in some programs, and BUSINESS_NOW
    may be left from an earlier stack.
    """
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    text = "\n".join(["unset AWS_PROFILE AWS_SESSION_TOKEN BUSINESS_NOW", *lines, ""])
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _standing(now: datetime | None) -> str:
    if now is None:
        return ""
    moment, tomorrow = (as_variable(at)["BUSINESS_NOW"] for at in (now, now + timedelta(days=1)))
    return _STANDING.format(now=moment, tomorrow=tomorrow)


def _environment(stack: LocalStack, state: State) -> dict[str, str]:
    own = {name: value for name, value in clean_environment().items() if name in ("NO_PROXY", "no_proxy", "PYTHONUTF8")}
    return {
        **stack.environment,
        **state.environment,
        **own,
        "SHOP_OWNER_DSN": stack.shop.owner_dsn,
        "SHOP_VISITS_URL": stack.saas.visits_url,
        "SHOP_VISITS_KEY": stack.saas.admin_key,
        "SAAS_ADMIN_KEY": stack.saas.admin_key,
    }


def _wait(stack: LocalStack) -> None:
    """Wait for a signal, which raises. Check now and then that all parts live."""
    while True:
        stack.require_alive()
        time.sleep(_CHECK_SECONDS)


def _show(console: Console, started: Started) -> None:
    console.print(
        f"  [green]✓[/] {started.part:<16} {started.detail}  [dim]{started.seconds:.1f} s[/]", highlight=False
    )

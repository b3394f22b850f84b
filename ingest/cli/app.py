"""The `ingest` command. Each command imports its modules when it runs, so that --help is fast."""

from __future__ import annotations

import typer

from ingest.cli import (
    contract_commands,
    doctor_command,
    lake_commands,
    quarantine_commands,
    run_commands,
    verify_command,
)
from ingest.errors import PlatformError
from ingest.terminal import fail, fit_output

app = typer.Typer(
    name="ingest",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Land sources in the raw lake, exactly once. Settings come from the environment; see .env.example. "
    "Exit codes: 0 done, 1 a fault or a breaking difference, 2 bad input, 3 another writer won.",
)
run_commands.register(app)
lake_commands.register(app)
verify_command.register(app)
doctor_command.register(app)
app.add_typer(contract_commands.app, name="contract")
app.add_typer(quarantine_commands.app, name="quarantine")


def main() -> None:
    """Run the command line; a PlatformError becomes one message and its exit code."""
    fit_output()
    try:
        app()
    except PlatformError as error:
        fail(error)

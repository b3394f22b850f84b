"""`ingest doctor`: checks that the lake and the sources are as the platform assumes."""

from __future__ import annotations

from typing import Annotated

import typer

from ingest.cli import options


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(doctor)


def doctor(
    stream: Annotated[list[str] | None, typer.Argument(metavar="[STREAM]...", help="Streams; all by default.")] = None,
    as_role: Annotated[
        str | None,
        typer.Option("--as-role", metavar="ARN", help="Assume this AWS role for the checks of the lake's writer."),
    ] = None,
) -> None:
    """Check bucket, credentials, Postgres and API; change nothing that lasts. Exit code 1 if something is wrong."""
    from ingest.doctor.examination import checks
    from ingest.findings import are_well, examine, print_findings

    loaded = options.settings()
    chosen = options.contracts(loaded).select(stream or [])
    if loaded.lake.endpoint_url:
        typer.echo(f"The lake is at {loaded.lake.endpoint_url}, which is no AWS account: this is of that server.")
    found = list(examine(checks(loaded, chosen, role_arn=as_role)))
    print_findings(found)
    if not are_well(found):
        raise typer.Exit(1)

"""`ingest verify`: compares whole tables with their state in the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ingest.cli import options

if TYPE_CHECKING:
    from ingest.errors import PlatformError
    from ingest.verify.report import Verification


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(verify)


def verify(
    stream: Annotated[list[str] | None, typer.Argument(metavar="[STREAM]...", help="Streams; all by default.")] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Land the differences; the next load brings them to RAW.")
    ] = False,
) -> None:
    """Compare whole tables with the lake, by key and content. Finds changes that moved no cursor.

    Exit code 1 if something differs and was not landed.
    """
    from ingest.cli.render import live_progress, print_verifications
    from ingest.errors import PlatformError
    from ingest.logs import run_id_now
    from ingest.run.runner import open_ingestion
    from ingest.verify.report import require_equal

    loaded = options.settings()
    chosen = options.contracts(loaded).select(stream or [])
    found: list[Verification] = []
    errors: list[PlatformError] = []
    with live_progress() as progress, open_ingestion(loaded, chosen, run_id_now(), progress=progress) as opened:
        # Streams are compared one after the other, because each comparison may use all the memory that the setting
        # allows.
        for name in opened.streams:
            try:
                found.append(opened.verify(name, repair=repair))
            except PlatformError as error:
                errors.append(error)
    print_verifications(found, errors)
    codes = [error.exit_code for error in errors]
    if codes:
        raise typer.Exit(next((code for code in (2, 1, 3) if code in codes), 1))
    require_equal(found)

"""`ingest run`, `backfill`, `keys`: the commands that write to the lake from a source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ingest.cli import options
from ingest.errors import ConfigurationError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ingest.apart import Outcome
    from ingest.logs import Progress
    from ingest.run.context import StreamResult

StreamArgument = Annotated[str, typer.Argument(help="The stream's name, as `ingest streams` shows it.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(run)
    app.command()(backfill)
    app.command()(keys)


def run(
    stream: Annotated[
        list[str] | None, typer.Option("--stream", "-s", help="A stream to land; may be repeated.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Land every stream (as without any option).")] = False,
    with_keys: Annotated[bool, typer.Option("--keys/--no-keys", help="Also read all keys, to find deletions.")] = True,
) -> None:
    """Land new data of the streams, in one run over one snapshot."""
    from ingest.logs import run_id_now
    from ingest.run.runner import ingest_all, open_ingestion

    if stream and every:
        raise ConfigurationError("--all and --stream exclude each other")
    loaded = options.settings()
    chosen = options.contracts(loaded).select(stream or [])
    with _progress() as progress, open_ingestion(loaded, chosen, run_id_now(), progress=progress) as opened:
        outcomes = ingest_all(opened, concurrency=loaded.concurrency, keys=with_keys)
    _finish(outcomes)


def backfill(
    stream: StreamArgument,
    start: Annotated[str, typer.Option("--from", help="First cursor, inclusive (ISO 8601, UTC if no zone).")],
    end: Annotated[str, typer.Option("--to", help="Last cursor, exclusive.")],
) -> None:
    """Land a window of cursors again. The watermark does not move."""
    from ingest.apart import attempt
    from ingest.logs import run_id_now
    from ingest.run.runner import open_ingestion
    from ingest.run.window import window

    loaded = options.settings()
    chosen = options.contract(loaded, stream)
    bounds = window(start, end, names=("--from", "--to"), stream=stream)
    if bounds is None:
        raise ConfigurationError("--from and --to are blank: a backfill needs a window", stream=stream)
    with _progress() as progress, open_ingestion(loaded, [chosen], run_id_now(), progress=progress) as opened:
        outcome = attempt(stream, lambda: opened.backfill(stream, start=bounds[0], end=bounds[1]))
    _finish([outcome])


def keys(stream: StreamArgument) -> None:
    """Read all keys of a stream. Land deleted keys as tombstones, and keys that came back as rows."""
    from ingest.apart import attempt
    from ingest.logs import run_id_now
    from ingest.run.runner import open_ingestion

    loaded = options.settings()
    chosen = options.contract(loaded, stream)
    with open_ingestion(loaded, [chosen], run_id_now()) as opened:
        outcome = attempt(stream, lambda: opened.land_keys(stream))
    _finish([outcome])


def _progress() -> AbstractContextManager[Progress]:
    from ingest.cli.render import live_progress

    return live_progress()


def _finish(outcomes: list[Outcome[StreamResult]]) -> None:
    """Print the outcomes, and exit with the exit code of the worst stream."""
    from ingest.cli.render import print_outcomes

    print_outcomes(outcomes)
    codes = [outcome.error.exit_code for outcome in outcomes if outcome.error is not None]
    if codes:
        raise typer.Exit(next((code for code in (2, 1, 3) if code in codes), 1))

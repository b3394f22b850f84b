"""`ingest streams`, `log`, `show`, `replay`, `gc`: the commands that inspect and repair the lake."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from ingest.cli import options
from ingest.contracts.model import StreamContract
from ingest.errors import ConfigurationError
from ingest.terminal import write_line

StreamArgument = Annotated[str, typer.Argument(help="The stream's name, as `ingest streams` shows it.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(streams)
    app.command()(log)
    app.command()(show)
    app.command()(replay)
    app.command()(gc)


def streams() -> None:
    """List the streams: source, mode, cursor, key, how far each is, and how far its source was read."""
    from ingest.apart import apart
    from ingest.cli.render import print_streams
    from ingest.lake.commit import Commit
    from ingest.lake.log import CommitLog
    from ingest.lake.read_mark import read_until

    loaded = options.settings()
    store = options.store(loaded)

    def state(contract: StreamContract) -> tuple[StreamContract, Commit | None, datetime | None]:
        head = CommitLog(store, contract.stream).head()
        return contract, head, read_until(store, contract, head)

    found = apart(options.contracts(loaded).values(), state, at_once=8)
    print_streams(*map(list, zip(*found.results, strict=True)) if found.results else ([], [], []))
    found.require_sound()


def log(
    stream: StreamArgument,
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="How many of the newest commits to show.")] = 20,
) -> None:
    """Show a stream's newest commits."""
    from ingest.cli.render import print_log
    from ingest.lake.log import CommitLog

    loaded = options.settings()
    commits = CommitLog(options.store(loaded), options.contract(loaded, stream).stream)
    head = commits.head()
    print_log(list(commits.since(head.version - last)) if head else [])


def show(
    stream: StreamArgument,
    version: Annotated[int, typer.Argument(min=1, help="The version, as `ingest log` shows it.")],
) -> None:
    """Print one commit whole, as JSON: window, watermark, counts, files with their hashes."""
    from ingest.lake.log import CommitLog

    loaded = options.settings()
    commit = CommitLog(options.store(loaded), options.contract(loaded, stream).stream).read(version)
    if commit is None:
        raise ConfigurationError(f"there is no version {version}", stream=stream, hint=f"See `ingest log {stream}`.")
    write_line(commit.encode().decode())


def replay(
    stream: StreamArgument,
    from_version: Annotated[int, typer.Option("--from-version", help="The first version to load again.")],
) -> None:
    """Make every warehouse load versions again, from the files in the lake."""
    from ingest.lake.empty_commit import append_replay
    from ingest.logs import run_id_now

    loaded = options.settings()
    contract = options.contract(loaded, stream)
    commit = append_replay(options.store(loaded), contract, from_version=from_version, run_id=run_id_now())
    typer.echo(
        f"{stream}: version {commit.version} asks for versions {from_version} to {commit.version - 1} again; "
        "the next load obeys."
    )


def gc(
    stream: Annotated[list[str] | None, typer.Option("--stream", "-s", help="A stream; all by default.")] = None,
    grace_hours: Annotated[
        float, typer.Option("--grace-hours", min=0, help="Leave files younger than this: a batch may be running.")
    ] = 24.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show which files would be removed.")] = False,
) -> None:
    """Remove files that no commit names, and key sets that no keys pass needs any more."""
    from ingest.apart import apart
    from ingest.cli.render import print_orphans
    from ingest.lake.gc import Orphans, find_orphans, remove
    from ingest.logs import run_id_now

    grace = options.hours(grace_hours, "--grace-hours")
    loaded = options.settings()
    store = options.store(loaded)
    run_id = run_id_now()

    def collected(contract: StreamContract) -> Orphans:
        orphans = find_orphans(store, contract, grace=grace)
        return orphans if dry_run else remove(store, contract, orphans, run_id=run_id)

    found = apart(options.contracts(loaded).select(stream or []), collected)
    print_orphans(list(found.results), dry_run=dry_run)
    found.require_sound()

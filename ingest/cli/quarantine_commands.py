"""`ingest quarantine list`, `show` and `retry`: the records that broke their contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ingest.cli import options
from ingest.errors import ConfigurationError
from ingest.terminal import write_line

if TYPE_CHECKING:
    from ingest.run.quarantine import RefusedRecord

app = typer.Typer(no_args_is_help=True, help="Look at records that broke their contract, and land those that fit now.")

StreamArgument = Annotated[str, typer.Argument(help="The stream's name, as `ingest streams` shows it.")]


@app.command("list")
def list_(
    stream: Annotated[list[str] | None, typer.Option("--stream", "-s", help="A stream; all by default.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also records that were settled since.")] = False,
) -> None:
    """Count refused records by stream, version and reason."""
    from ingest.apart import apart
    from ingest.cli.render import print_quarantine
    from ingest.run.quarantine import Quarantine

    loaded = options.settings()
    store = options.store(loaded)
    chosen = options.contracts(loaded).select(stream or [])
    found = apart(chosen, lambda contract: (contract.stream, Quarantine(store, contract).records()))
    print_quarantine(
        {name: [record for record in records if record.is_open or everything] for name, records in found.results}
    )
    found.require_sound()


@app.command()
def show(
    stream: StreamArgument,
    version: Annotated[int | None, typer.Option("--version", help="Only records of this version.")] = None,
    position: Annotated[int | None, typer.Option("--position", help="With --version: only this record.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also records that were settled since.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each record.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="One record, byte for byte, and nothing else.")] = False,
) -> None:
    """Show refused records: why, where in the batch, their key, and the record itself."""
    import sys

    from ingest.cli.render import print_refused
    from ingest.run.quarantine import Quarantine

    loaded = options.settings()
    records = [
        record
        for record in Quarantine(options.store(loaded), options.contract(loaded, stream)).records()
        if (everything or raw or record.is_open)
        and version in (None, record.version)
        and position in (None, record.position)
    ]
    if raw:
        only = _only(stream, records)
        sys.stdout.buffer.write(only.record)
    elif as_json:
        for record in records:
            write_line(_json(record))
    else:
        print_refused(records)


@app.command()
def retry(stream: StreamArgument) -> None:
    """Land the refused records that fit now. Rows are read from Postgres again, and records of an API are decoded
    again.
    """
    from ingest.logs import run_id_now
    from ingest.run.quarantine import Quarantine
    from ingest.run.runner import open_ingestion

    loaded = options.settings()
    contract = options.contract(loaded, stream)
    store = options.store(loaded)
    before = len(Quarantine(store, contract).open())
    if not before:
        typer.echo(f"{stream}: nothing is open in quarantine.")
        return
    with open_ingestion(loaded, [contract], run_id_now(), store=store) as ingestion:
        landed = ingestion.retry_quarantined(stream).rows_landed
    left = len(Quarantine(store, contract).open())
    typer.echo(
        f"{stream}: of {before} open records, {landed} landed, {before - left - landed} were settled without landing "
        f"(gone from the source, or landed since), {left} still break the contract."
    )


def _only(stream: str, records: list[RefusedRecord]) -> RefusedRecord:
    if len(records) != 1:
        raise ConfigurationError(
            f"--raw is for one record, and {len(records)} are named so",
            stream=stream,
            hint="Give --version and --position.",
        )
    return records[0]


def _json(record: RefusedRecord) -> str:
    """Return the record as text if it is UTF-8, else in base64."""
    import base64

    import orjson

    try:
        content = {"record": record.record.decode()}
    except UnicodeDecodeError:
        content = {"record_base64": base64.b64encode(record.record).decode()}
    described = {
        "version": record.version,
        "position": record.position,
        "reason": record.reason,
        "key": record.key,
        "refused_at": record.refused_at,
        "settled_by": record.settled_by,
    }
    return orjson.dumps(described | content).decode()

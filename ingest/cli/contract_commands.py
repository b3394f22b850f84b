"""`ingest contract new`, `check` and `accept`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.cli import options
from ingest.errors import ConfigurationError

if TYPE_CHECKING:
    from ingest.contracts.model import StreamContract

app = typer.Typer(no_args_is_help=True, help="Write contracts, and compare them with the live source.")


@app.command()
def new(
    tables: Annotated[list[str], typer.Argument(metavar="TABLE...", help="Tables, as schema.table.")],
    from_postgres: Annotated[
        str | None,
        typer.Option(
            "--from-postgres",
            metavar="DSN",
            help="The database; POSTGRES_DSN by default, which should hold the password.",
        ),
    ] = None,
    key: Annotated[str | None, typer.Option(help="Identifying column(s), comma-separated, if there is no key.")] = None,
    prefix: Annotated[str, typer.Option(help="Prefix in the lake: inventory or events.")] = "inventory",
    child_tables: Annotated[
        str, typer.Option("--child-tables", help="Of a table that others inherit from: include their rows, or exclude.")
    ] = "include",
    name: Annotated[str | None, typer.Option("--name", help="The stream's name; the table's by default.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write to; CONTRACTS_DIR by default.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over contracts that exist.")] = False,
) -> None:
    """Write a contract for each table, from its catalog: columns, types, nullability, key, a likely cursor."""
    import shlex

    from pydantic import SecretStr

    from ingest.cli.render import print_draft
    from ingest.contracts.author import draft_contract
    from ingest.contracts.introspect import live_tables, own_zone, resolve_table
    from ingest.contracts.model import ChildTables
    from ingest.contracts.parse import parse_contract
    from ingest.contracts.registry import SUFFIX
    from ingest.sources.postgres.connection import Server

    if prefix not in ("inventory", "events"):
        raise ConfigurationError(f"--prefix is '{prefix}'; it takes inventory or events")
    if child_tables not in list(ChildTables):
        raise ConfigurationError(f"--child-tables is '{child_tables}'; it takes include or exclude")
    if name is not None and len(tables) > 1:
        raise ConfigurationError("--name is for one table")
    loaded = options.settings()
    folder = out or loaded.contracts_dir
    columns = tuple(column.strip() for column in key.split(",")) if key else ()
    children = ChildTables(child_tables)
    if from_postgres is None:
        server = Server(loaded.postgres_dsn)
    else:
        options.guard_dsn("--from-postgres", from_postgres, loaded)
        server = Server(SecretStr(from_postgres), given_as="--from-postgres")
    with server.catalog() as connection:
        names = [resolve_table(connection, table) for table in tables]
        found = live_tables(connection, names)
        zone = own_zone(connection)
    drafts: dict[Path, tuple[str, StreamContract]] = {}
    for table in dict.fromkeys(names):
        text = draft_contract(found[table], prefix=prefix, key=columns, stream=name, children=children)
        contract = parse_contract(text, origin=f"the draft for {table}")
        path = folder / f"{contract.stream}{SUFFIX}"
        if path in drafts:
            other = drafts[path][1].source_object
            raise ConfigurationError(
                f"{other} and {table} would both be the stream '{contract.stream}'",
                hint="Write them one by one, and call one of the streams otherwise: "
                f"`ingest contract new {shlex.quote(table)} --name {contract.stream}_2`.",
            )
        drafts[path] = (text, contract)
    for path, (_, contract) in drafts.items():
        if path.exists() and not force:
            raise ConfigurationError(
                f"{path} exists",
                hint=f"Pass --force to write over it, or --name to call the stream of {contract.source_object} "
                "otherwise.",
            )
    folder.mkdir(parents=True, exist_ok=True)
    for path, (text, contract) in drafts.items():
        path.write_text(text, encoding="utf-8")
        print_draft(path, contract, found[contract.source_object], zone)


@app.command()
def check(
    stream: Annotated[list[str] | None, typer.Option("--stream", "-s", help="A stream; all by default.")] = None,
) -> None:
    """Compare contracts with the live Postgres. Exit code 1 if a difference would stop a run."""
    from ingest.cli.render import print_differences
    from ingest.contracts.drift import compare
    from ingest.contracts.introspect import live_tables
    from ingest.contracts.model import Source
    from ingest.sources.postgres.connection import Server

    loaded = options.settings()
    chosen = []
    for contract in options.contracts(loaded).select(stream or []):
        if contract.spec.source is Source.POSTGRES:
            chosen.append(contract)
        else:
            typer.echo(f"skipped  {contract.stream}: its records are checked one by one as they are landed")
    if not chosen:
        return
    with Server(loaded.postgres_dsn).catalog() as connection:
        found = live_tables(connection, [contract.source_object for contract in chosen])
    breaking = False
    for contract in chosen:
        differences = compare(contract, found.get(contract.source_object))
        breaking = breaking or any(difference.breaking for difference in differences)
        print_differences(contract.stream, differences)
    if breaking:
        raise typer.Exit(1)


@app.command()
def accept(
    stream: Annotated[str, typer.Argument(help="The stream, as `ingest streams` shows it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the changes, without writing them.")] = False,
) -> None:
    """Update a contract to its live table, and show the changes. Handwritten text in it is kept."""
    from ingest.cli.render import print_acceptance
    from ingest.contracts.accept import accept as accepted
    from ingest.contracts.introspect import live_tables
    from ingest.contracts.model import Source
    from ingest.contracts.registry import contract_file
    from ingest.sources.postgres.connection import Server

    loaded = options.settings()
    contract = options.contract(loaded, stream)
    if contract.spec.source is not Source.POSTGRES:
        raise ConfigurationError("an API shows no columns to accept; edit the contract", stream=stream)
    path = contract_file(loaded.contracts_dir, stream)
    text = path.read_text(encoding="utf-8")
    with Server(loaded.postgres_dsn).catalog() as connection:
        table = live_tables(connection, [contract.source_object]).get(contract.source_object)
    acceptance = accepted(text, contract, table)
    if acceptance is not None and not dry_run:
        path.write_text(acceptance.text, encoding="utf-8")
    print_acceptance(path, text, acceptance, dry_run=dry_run)

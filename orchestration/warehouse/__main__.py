"""`python -m orchestration.warehouse load | status | history | query | inspect | reload | mend-snapshots`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.errors import ConfigurationError, PlatformError
from ingest.hints import here
from ingest.terminal import fail, fit_output

if TYPE_CHECKING:
    from ingest.apart import Outcome
    from orchestration.warehouse.loader import LoadResult

app = typer.Typer(
    name="python -m orchestration.warehouse",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="The warehouse: load the lake into RAW, see how far it is, query what is published. Settings come from the "
    "environment. Exit codes: 0 done, 1 a fault, 2 bad input, 3 another writer won.",
)

StreamOption = Annotated[list[str] | None, typer.Option("--stream", "-s", help="A stream; all by default.")]
WaitOption = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for a run that is writing.")]

LimitOption = Annotated[int, typer.Option(min=0, help="Rows to show; 0 for all.")]
CsvOption = Annotated[bool, typer.Option("--csv", help="CSV in place of a table.")]


@app.command()
def load(stream: StreamOption = None, wait: WaitOption = 30.0) -> None:
    """Load new versions of the lake into RAW."""
    from orchestration.warehouse.cli import commands
    from orchestration.warehouse.cli.render import print_loads

    outcomes = commands.load(stream or [], wait_seconds=wait, on_wait=_say_waiting)
    print_loads([outcome.result for outcome in outcomes if outcome.result])
    _raise_first(outcomes)


@app.command()
def reload(
    stream: Annotated[str, typer.Argument(help="The stream whose RAW tables to build again.")], wait: WaitOption = 30.0
) -> None:
    """Drop a stream's RAW tables and load every version of the lake again."""
    from orchestration.warehouse.cli import commands
    from orchestration.warehouse.cli.render import print_loads

    outcomes = commands.reload(stream, wait_seconds=wait, on_wait=_say_waiting)
    print_loads([outcome.result for outcome in outcomes if outcome.result])
    _raise_first(outcomes)
    typer.echo(
        here("Now `python orchestration/prefect/flow.py --full-refresh`: incremental models read only what is new.")
    )


@app.command()
def mend_snapshots(wait: WaitOption = 30.0) -> None:
    """Give each key of dbt's snapshots one unbroken history again. Unbroken histories are not changed."""
    from orchestration.warehouse.cli import commands

    for line in commands.mend_snapshots(wait_seconds=wait, on_wait=_say_waiting):
        typer.echo(line)


@app.command()
def status(stream: StreamOption = None, wait: WaitOption = 30.0) -> None:
    """Show how far RAW is behind the lake."""
    from orchestration.warehouse.cli import commands
    from orchestration.warehouse.cli.render import print_statuses

    found = commands.status(stream or [], wait_seconds=wait, on_wait=_say_waiting)
    print_statuses(list(found.results))
    found.require_sound()


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help='SQL, such as "select * from mart.dim_product limit 5".')],
    limit: LimitOption = 50,
    as_csv: CsvOption = False,
) -> None:
    """Run a query on the readers' data: DuckDB's published file, or Snowflake's marts by the reader's role."""
    from orchestration.warehouse.answer import print_answer, write_csv
    from orchestration.warehouse.cli import commands

    answer = commands.query(sql, limit=limit or None)
    (write_csv if as_csv else print_answer)(answer)


@app.command()
def inspect(
    sql: Annotated[str, typer.Argument(help='SQL, such as "select * from raw._loads".')],
    limit: LimitOption = 50,
    as_csv: CsvOption = False,
    wait: WaitOption = 30.0,
) -> None:
    """For operators: run a query on all data that runs write, including RAW and STAGING with their addresses.

    DuckDB's file takes one process at a time: a run that would write waits until the query has ended.
    """
    from orchestration.warehouse.answer import print_answer, write_csv
    from orchestration.warehouse.cli import commands

    answer = commands.inspect(sql, limit=limit or None, wait_seconds=wait, on_wait=_say_waiting)
    (write_csv if as_csv else print_answer)(answer)


@app.command()
def history(
    stream: StreamOption = None,
    days: Annotated[int, typer.Option(min=1, max=14, help="How far back; Snowflake tells an hour less than 14.")] = 14,
) -> None:
    """Compare the ledger with Snowflake's own COPY_HISTORY, file by file. Exit code 1 if they differ."""
    from orchestration.warehouse.cli import commands
    from orchestration.warehouse.cli.render import print_history

    checks = commands.history(stream or [], days=days)
    print_history(checks)
    if not all(check.agrees for check in checks):
        raise typer.Exit(1)


@app.command()
def doctor(
    stream: StreamOption = None,
    generation: Annotated[
        str, typer.Option(help="Which generation of Snowflake's warehouses is wanted: 1 or 2.", metavar="1|2")
    ] = "1",
) -> None:
    """Check the account: logins, grants, warehouses, stage, COPY, claims, masking, times. Leaves no lasting change.

    It takes about a minute, which the three warehouses bill. Exit code 1 if something is wrong. On DuckDB there is no
    account, so it checks the files.
    """
    from ingest.findings import are_well, print_findings
    from orchestration.warehouse.cli import commands

    if generation not in ("1", "2"):
        raise ConfigurationError(f"--generation is {generation}: it must be 1 or 2")
    found = commands.doctor(stream or [], generation=generation, on_check=_say_looking, on_note=typer.echo)
    print_findings(found)
    if not are_well(found):
        raise typer.Exit(1)


def _say_looking(check: str) -> None:
    if sys.stderr.isatty():
        typer.echo(f"  {check}", err=True)


def _say_waiting(holder: str) -> None:
    typer.echo(f"The warehouse is in use by {holder}; waiting.", err=True)


def _raise_first(outcomes: list[Outcome[LoadResult]]) -> None:
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error


def main() -> None:
    """Run the command line; a PlatformError becomes one message and its exit code."""
    fit_output()
    try:
        app()
    except PlatformError as error:
        fail(error)


if __name__ == "__main__":
    main()

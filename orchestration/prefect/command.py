"""The command line of the flow."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from ingest.errors import PlatformError
from ingest.terminal import fail, fit_output
from orchestration.report import RunFailedError, RunReport

Run = Callable[..., RunReport]


def main(run: Run) -> None:
    """Run the flow by the arguments of the command line; a PlatformError becomes one message and its exit code."""
    fit_output()
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(help="Run the platform once: ingest, load, dbt, reconcile, publish.")(_command(run))
    try:
        app()
    except PlatformError as error:
        fail(error)


def _command(run: Run) -> Callable[..., None]:
    def command(
        stream: Annotated[list[str] | None, typer.Option("--stream", "-s", help="A stream; all by default.")] = None,
        full_refresh: Annotated[bool, typer.Option("--full-refresh", help="Build incremental models anew.")] = False,
        backfill_from: Annotated[
            str | None, typer.Option(help="Land this window of cursors again (ISO 8601, UTC if no zone).")
        ] = None,
        backfill_to: Annotated[str | None, typer.Option(help="The window's end.")] = None,
        skip_ingest: Annotated[bool, typer.Option("--skip-ingest", help="Load what is in the lake.")] = False,
        skip_load: Annotated[bool, typer.Option("--skip-load", help="Build from what is in RAW.")] = False,
        skip_dbt: Annotated[bool, typer.Option("--skip-dbt", help="Leave the models as they are.")] = False,
        skip_publish: Annotated[bool, typer.Option("--skip-publish", help="Leave readers what they have.")] = False,
        keys: Annotated[bool, typer.Option(help="Look for deletions.")] = True,
        deploy: Annotated[
            bool,
            typer.Option("--deploy", help="Register everything with the Prefect server, and let its agent run it."),
        ] = False,
    ) -> None:
        parameters = {
            "streams": stream or [],
            "full_refresh": full_refresh,
            "backfill_from": backfill_from,
            "backfill_to": backfill_to,
            "skip_ingest": skip_ingest,
            "skip_load": skip_load,
            "skip_dbt": skip_dbt,
            "skip_publish": skip_publish,
            "keys": keys,
        }
        if deploy:
            _deploy(parameters)
        else:
            _run(run, **parameters)

    return command


def _deploy(parameters: Mapping[str, object]) -> None:
    from rich.console import Console

    from orchestration.prefect.deploy.deploy import deploy_and_run

    raise typer.Exit(deploy_and_run(parameters, Console(soft_wrap=True, highlight=False)))


def _run(run: Run, **parameters: object) -> None:
    from ingest import logs
    from ingest.contracts.registry import ContractRegistry
    from ingest.settings import IngestSettings
    from orchestration.prefect.run.dispatch import require_server
    from orchestration.prefect.run.parameters import RunParameters
    from orchestration.prefect.run.stopping import leave_when_stopped
    from orchestration.prefect.show.render import Lines, print_report
    from orchestration.progress import report_to
    from orchestration.settings import OrchestrationSettings

    # At once, before the API takes its seconds to start.
    streams = RunParameters.of(**parameters).streams
    settings = OrchestrationSettings.load()
    ContractRegistry.load(settings.contracts_dir).select(streams)
    if settings.ingest_deployment:
        require_server()
    logs.configure(IngestSettings.load().log_format, level=logging.WARNING)
    with leave_when_stopped(lambda text: typer.echo(text, err=True)), report_to(Lines()):
        try:
            report = run(**parameters)
        except RunFailedError as error:
            if error.report is not None:
                print_report(error.report)
            raise
    print_report(report)

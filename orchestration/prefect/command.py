"""The command line of the flow."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Annotated

import typer
from pydantic.fields import FieldInfo

from ingest.errors import PlatformError
from ingest.terminal import fail, fit_output
from orchestration.prefect.run.parameters import RunParameters
from orchestration.report import RunFailedError, RunReport

Run = Callable[..., RunReport]


def main(run: Run) -> None:
    """Run the flow with the command line's arguments. A PlatformError becomes one message and its exit code."""
    fit_output()
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(help="Run the platform once: ingest, load, dbt, reconcile, publish.")(_command(run))
    try:
        app()
    except PlatformError as error:
        fail(error)


def _command(run: Run) -> Callable[..., None]:
    def command(*, deploy: bool, **parameters: object) -> None:
        if deploy:
            _deploy(parameters)
        else:
            _run(run, **parameters)

    options = [_option(name, field) for name, field in RunParameters.model_fields.items()]
    command.__signature__ = inspect.Signature([*options, _DEPLOY])  # type: ignore[attr-defined]
    command.__annotations__ = {option.name: option.annotation for option in (*options, _DEPLOY)}
    return command


def _option(name: str, field: FieldInfo) -> inspect.Parameter:
    """Return a parameter of the flow as an option. A list option is repeated for each item, and a moment is a text."""
    flag = f"--{name.replace('_', '-')}"
    default = field.get_default(call_default_factory=True)
    annotation: object
    if isinstance(default, bool):
        flags = [f"{flag}/--no-{flag[2:]}"] if default else [flag]
        annotation = bool
    elif isinstance(default, list):
        flags = [flag.removesuffix("s"), f"-{name[0]}"]
        annotation = list[str]
    else:
        flags = [flag]
        annotation = str | None
    option = typer.Option(*flags, help=field.description, show_default=default is not None)
    return _parameter(name, Annotated[annotation, option], default)


def _parameter(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


_DEPLOY = _parameter(
    "deploy",
    Annotated[
        bool, typer.Option("--deploy", help="Register everything with the Prefect server, and let its agent run it.")
    ],
    default=False,
)


def _deploy(parameters: Mapping[str, object]) -> None:
    from rich.console import Console

    from orchestration.prefect.deploy.deploy import deploy_and_run

    raise typer.Exit(deploy_and_run(parameters, Console(soft_wrap=True, highlight=False)))


def _run(run: Run, **parameters: object) -> None:
    from ingest import logs
    from ingest.contracts.registry import ContractRegistry
    from ingest.settings import IngestSettings
    from orchestration.prefect.run.dispatch import require_server
    from orchestration.prefect.run.stopping import leave_when_stopped
    from orchestration.prefect.show.render import Lines, print_report
    from orchestration.progress import report_to
    from orchestration.settings import OrchestrationSettings

    # Checked at once, because the API takes seconds to start.
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

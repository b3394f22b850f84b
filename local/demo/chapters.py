"""The demo, chapter by chapter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep

from rich.console import Console

from ingest.settings import IngestSettings
from local.demo.display import Display
from local.demo.flow_client import FlowFailedError, FlowProcess
from local.demo.summary import (
    day_in_words,
    print_answers,
    print_reconciliation,
    print_runs,
    print_warnings,
)
from local.demo.warehouse import DemoWarehouse, Target, choose_warehouse
from local.processes import ProcessGroup
from local.run_directory import RunDirectory
from local.settings import LocalSettings
from local.stack import LocalStack, StackOptions, start_stack
from local.state import State
from local.up import relative
from orchestration.business_time import as_variable
from orchestration.report import RunReport
from orchestration.settings import WarehouseKind

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Stage:
    """The processes and directories that the demo has prepared before it shows anything."""

    settings: LocalSettings
    state: State
    run: RunDirectory
    processes: ProcessGroup
    flow: FlowProcess


_INTRODUCTION = """[bold]dp-mailblaze-demo[/]
Postgres and an e-mail provider, {warehouse}
Everything runs on this machine and stops at the end. Ctrl-C stops it sooner.{as_of}"""

_NEXT_STEPS = """[bold]Done in {seconds:.0f} s.[/]

  Warehouse  {warehouse}
  Runs       {runs} [dim]compiled SQL, dbt's results, by run[/]
  Logs       {logs}

Try next:
  {try_next}
  make dashboard [dim]the marts as pages, on http://localhost:8501[/]
  make stack     [dim]the same sources, kept up: run `ingest` and the flow by hand[/]
  make test      [dim]the tests, on the same stack[/]
"""


def show(
    console: Console, stage: Stage, *, scale: float, warehouse: WarehouseKind, now: datetime | None, begin: float
) -> None:
    """Start the stack, run the flow, advance by a day, run it again, and show the results since `begin`.

    Raises LocalStackError if a part does not start or ends, FlowFailedError if a run fails, ConfigurationError for a
    Snowflake account that cannot be used.
    """
    state, run, processes = stage.state, stage.run, stage.processes
    chosen = choose_warehouse(warehouse, state, processes, run)
    as_of = f"\nThe business's time is {now:%Y-%m-%d %H:%M:%S} UTC." if now else ""
    console.print(_INTRODUCTION.format(warehouse=chosen.introduction, as_of=as_of))
    # The business begins a day earlier, so that the day between the runs ends now.
    options = StackOptions(
        logs=state.logs,
        business_now=(now or datetime.now(UTC)) - ONE_DAY,
        time_stands=True,
        scale=scale,
        settings=stage.settings,
    )
    display = Display(console)
    target, first, second = _two_runs(display, stage, options, chosen)
    display.chapter("Results")
    print_runs(console, first, second)
    print_reconciliation(console, second.reconciliations, before=first.reconciliations)
    print_warnings(console, second)
    if second.publication is not None:
        print_answers(console, target.reader(second.publication))
    console.print(
        _NEXT_STEPS.format(
            seconds=monotonic() - begin,
            warehouse=target.location(second.publication) if second.publication else "nothing was published",
            try_next=chosen.try_next,
            runs=relative(state.runs),
            logs=relative(state.logs),
        ),
        soft_wrap=True,
    )


def _two_runs(
    display: Display, stage: Stage, options: StackOptions, warehouse: DemoWarehouse
) -> tuple[Target, RunReport, RunReport]:
    with stage.flow as flow:
        display.chapter("Sources")
        with display.live("starting Postgres, the e-mail provider and the S3 endpoint"):
            stack = start_stack(stage.processes, stage.run, options, display.started)
            target = warehouse.make_ready(stack)
        with display.live("preparing Prefect"):
            flow.ready()
            stage.state.prefect_made.touch()

        display.chapter("Run 1: everything")
        with display.live("starting the flow"):
            first = _run(flow, stack, target, display, options.business_now)

        display.chapter("A day goes by")
        with display.live("the shop lives on"):
            _let_a_day_go_by(display, stack, options)

        display.chapter("Run 2: what is new")
        with display.live("starting the flow"):
            second = _run(flow, stack, target, display, options.business_now + ONE_DAY)
    return target, first, second


def _run(flow: FlowProcess, stack: LocalStack, target: Target, display: Display, now: datetime) -> RunReport:
    """Run the flow at a moment of the business.

    If it fails because a part of the stack has ended, the error names that part.
    """
    try:
        return flow.run({**target.environment, **as_variable(now)}, display)
    except FlowFailedError:
        stack.require_alive()
        raise


def _let_a_day_go_by(display: Display, stack: LocalStack, options: StackOptions) -> None:
    happened = stack.shop.advance(business_now=options.business_now, span=ONE_DAY, seed=options.seed)
    stack.saas.advance_clock(ONE_DAY)
    for words in day_in_words(happened):
        display.say(words)
    # Rows younger than the margin wait for the run after the next, which the demo does not have.
    sleep(IngestSettings.model_fields["horizon_margin_seconds"].default)
    display.say("E-mail     campaigns edited; a day's events, some of them hours late, some twice")

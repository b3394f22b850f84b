"""`python -m tests.chaos`: the fault campaigns at full size, one after the other, each within its own time."""

from __future__ import annotations

import logging
import os
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ingest import logs
from local.accounts import unprivileged_account
from local.environment import clean_environment
from local.processes import process_group
from local.run_directory import open_run_directory
from local.servers.postgres_binaries import find_binaries
from local.servers.postgres_server import start_postgres
from local.servers.s3_server import start_s3
from local.servers.saas_server import SaasOptions, start_saas
from local.servers.shop import ShopPasswords
from local.settings import LocalSettings
from tests.chaos.campaign import Order, Report
from tests.chaos.campaigns import behind, days, equal, kills, overtaken, races
from tests.chaos.line import BUSINESS_NOW, Ground
from tests.faults import api_campaign, postgres_campaign, s3_campaign

_LIMIT_SECONDS = 1_080.0
"""After it no round begins; the judgements that are still to come then fit into 20 minutes."""


@dataclass(frozen=True)
class Campaign:
    """A campaign's function, and the seconds after which it begins no new round."""

    run: Callable[[Ground, Order], Report]
    seconds: float
    what: str


CAMPAIGNS = {
    overtaken.NAME: Campaign(overtaken.run, 150, "transactions that commit after later ones"),
    behind.NAME: Campaign(behind.run, 40, "rows that are changed behind the cursor"),
    equal.NAME: Campaign(equal.run, 50, "rows that share one timestamp"),
    races.NAME: Campaign(races.run, 150, "several ingesters and loaders on one stream"),
    s3_campaign.NAME: Campaign(s3_campaign.run, 65, "a storm over S3"),
    api_campaign.NAME: Campaign(api_campaign.run, 65, "a provider on bad days"),
    postgres_campaign.NAME: Campaign(postgres_campaign.run, 50, "connections to Postgres that are cut at any byte"),
    days.NAME: Campaign(days.run, 320, "any day from 2024 to 2040, in any zone"),
    # The longest one comes last, and has all the time that is left.
    kills.NAME: Campaign(kills.run, 600, "SIGKILL at any moment of runs, loads and keys passes"),
}


def main(
    campaign: Annotated[
        list[str] | None, typer.Argument(metavar="[CAMPAIGN]...", help=f"{', '.join(CAMPAIGNS)}; all by default.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="All chance comes from it; a new one by default.")] = None,
    scale: Annotated[float, typer.Option(min=0.001, max=10, help="1 is the full size.")] = 1.0,
) -> None:
    """Break the platform on purpose, and judge the result. Exit code 1 if anything is wrong."""
    console = Console(highlight=False)
    unknown = [name for name in campaign or () if name not in CAMPAIGNS]
    if unknown:
        raise typer.BadParameter(f"there is no campaign '{unknown[0]}'; there are: {', '.join(CAMPAIGNS)}")
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    console.print(f"seed {seed}")
    logs.configure("auto", level=logging.CRITICAL)
    chosen = {name: CAMPAIGNS[name] for name in campaign or CAMPAIGNS}
    with _ground() as ground:
        reports = run_all(console, ground, chosen, seed=seed, scale=scale)
    if not all(report.passed for report in reports):
        raise typer.Exit(1)


def run_all(
    console: Console, ground: Ground, campaigns: Mapping[str, Campaign], *, seed: int, scale: float
) -> list[Report]:
    """Run the campaigns one after the other, and print a report of each, and of all at the end."""
    deadline = monotonic() + _LIMIT_SECONDS
    reports = []
    for name, campaign in campaigns.items():
        order = Order(seed, scale, min(campaign.seconds, deadline - monotonic()))
        reports.append(_one(console, ground, name, campaign, order))
    _print_summary(console, reports)
    return reports


def _one(console: Console, ground: Ground, name: str, campaign: Campaign, order: Order) -> Report:
    """Run a campaign. Any error is its failure, reported with the seed; the other campaigns still run."""
    console.print(f"\n[bold]{name}[/]: {campaign.what}")
    begin = monotonic()
    try:
        report = campaign.run(ground, order)
    except Exception as error:
        console.print_exception()
        report = Report(name, order, wanted=1, findings=[f"{type(error).__name__}: {error}"])
    report.seconds = monotonic() - begin
    for label, value in report.figures.items():
        console.print(f"  {label}: {escape(str(value))}")
    for finding in report.findings:
        console.print(f"  [red]{escape(finding)}[/]", soft_wrap=True)
    if not report.passed:
        console.print(f"  again: {report.again}")
    return report


def _print_summary(console: Console, reports: list[Report]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("campaign", "seed", "rounds", "seconds", "verdict"):
        table.add_column(column, justify="right" if column in ("seed", "rounds", "seconds") else "left")
    for report in reports:
        verdict = "[green]equal[/]" if report.passed else f"[red]{len(report.findings)} findings[/]"
        cut = " [yellow](its time was over)[/]" if report.cut_short else ""
        rounds = f"{report.done} of {report.wanted}"
        table.add_row(report.campaign, str(report.order.seed), rounds, f"{report.seconds:.0f}", verdict + cut)
    console.print()
    console.print(table)


@contextmanager
def _ground() -> Iterator[Ground]:
    """Yield private servers, stopped at the end, in an environment without the user's accounts and endpoints."""
    with (
        open_run_directory() as run,
        process_group(run.lock) as processes,
        tempfile.TemporaryDirectory(prefix="chaos-") as scratch,
    ):
        folder = Path(scratch)
        account = unprivileged_account()
        binaries = find_binaries(LocalSettings().postgres_bin, account)
        starting_s3 = start_s3(processes, run.path, folder)
        starting_saas = start_saas(processes, _provider(), run.path, folder)
        postgres = start_postgres(processes, binaries, account, run.path, folder)
        s3 = starting_s3.ready()
        kept = clean_environment(s3.environment)
        os.environ.clear()
        os.environ.update(kept)
        yield Ground(postgres, s3, starting_saas.ready(), ShopPasswords.generate(), folder, clock_may_move=True)


def _provider() -> SaasOptions:
    """Return options that give the same history on any day: it ends at the shop's present, and the clock runs on from
    there.
    """
    midnight = BUSINESS_NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    return SaasOptions(
        epoch=midnight - timedelta(days=3),
        clock_offset=BUSINESS_NOW - datetime.now(UTC),
        events_per_day=100,
        recipients=100,
        skus=10,
    )


if __name__ == "__main__":
    typer.run(main)

"""The commands of the embedded stack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from common.foreign_text import harmless
from ingest.errors import PlatformError
from local.errors import LocalStackError
from orchestration.business_time import parse_moment
from orchestration.settings import WarehouseKind
from postgres.errors import ShopError

app = typer.Typer(
    name="python -m local",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="The embedded stack: a real Postgres, the e-mail provider and an S3 endpoint, on this machine.",
)

Scale = Annotated[float, typer.Option(min=0.01, max=100, help="1 is 20,000 orders and 20,000 e-mail events.")]

Warehouse = Annotated[
    WarehouseKind,
    typer.Option(envvar="WAREHOUSE", help="snowflake: the account that SNOWFLAKE_* names, else an emulated one."),
]


Now = Annotated[
    str,
    typer.Option(
        envvar="BUSINESS_NOW",
        metavar="TIME",
        help="The moment at which the business's time stands, such as 2028-02-29T23:58:00Z.  [default: the clock's]",
    ),
]


@app.command()
def demo(scale: Scale = 1.0, warehouse: Warehouse = WarehouseKind.DUCKDB, now: Now = "") -> None:
    """Run the whole pipeline twice, from source to mart, and show the results."""
    from local.demo.command import demo as run

    _tell_errors(lambda console: run(console, scale=scale, warehouse=warehouse, now=parse_moment(now)))


@app.command()
def up(scale: Scale = 1.0, now: Now = "") -> None:
    """Start the stack and keep it up until Ctrl-C."""
    from local.up import up as run

    _tell_errors(lambda console: run(console, scale=scale, now=parse_moment(now)))


def _tell_errors(run: Callable[[Console], None]) -> None:
    """Run a command, and reduce its errors to a short message."""
    try:
        run(Console(highlight=False))
    except (LocalStackError, PlatformError) as error:
        _fail(str(error), error.exit_code)
    except (ShopError, OSError) as error:
        _fail(str(error), 1)


def _fail(message: str, exit_code: int) -> NoReturn:
    Console(stderr=True, highlight=False).print("[bold red]Failed:[/]", escape(harmless(message)), soft_wrap=True)
    raise SystemExit(exit_code)

"""`python -m orchestration.local demo | up`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from ingest.errors import PlatformError
from orchestration.local.errors import LocalStackError
from orchestration.local.interrupts import Interrupted, raised_signals
from postgres.errors import ShopError

app = typer.Typer(
    name="python -m orchestration.local",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="The embedded stack: a real Postgres, the e-mail provider and an S3 endpoint, on this machine.",
)

Scale = Annotated[float, typer.Option(min=0.01, max=100, help="Size of the shop; 1 is about 20,000 orders.")]


@app.command()
def demo(scale: Scale = 1.0) -> None:
    """Run the whole line twice, source to mart, and show what came of it."""
    from orchestration.local.demo.command import demo as run

    _until_stopped(lambda console: run(console, scale=scale))


@app.command()
def up(scale: Scale = 1.0) -> None:
    """Start the stack and keep it up until Ctrl-C."""
    from orchestration.local.up import up as run

    _until_stopped(lambda console: run(console, scale=scale))


def _until_stopped(run: Callable[[Console], None]) -> None:
    """Run, with errors and stop signals told in a few words."""
    console = Console(highlight=False)
    try:
        with raised_signals():
            run(console)
    except Interrupted as interruption:
        # A console of its own: the other one may have been interrupted in the middle of a line.
        Console(highlight=False).print("\nStopped: every process that was started has ended.")
        raise SystemExit(interruption.exit_code) from None
    except (LocalStackError, PlatformError) as error:
        _fail(str(error), error.exit_code)
    except (ShopError, OSError) as error:
        _fail(str(error), 1)


def _fail(message: str, exit_code: int) -> NoReturn:
    Console(stderr=True, highlight=False).print("[bold red]Failed:[/]", escape(message), soft_wrap=True)
    raise SystemExit(exit_code)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()

"""`python -m local demo | up`."""

from __future__ import annotations

from common.garbage import collect_seldom
from local.interrupts import Interrupted, raised_signals


def main() -> None:
    """Run the command line. A stop signal at any moment ends it with one line."""
    collect_seldom()
    try:
        with raised_signals():
            from ingest.terminal import fit_output
            from local.cli import app

            fit_output()
            app()
    except Interrupted as interruption:
        # Not printed by rich, whose console may have been interrupted in the middle of a line.
        print("\nStopped: every process that was started has ended.", flush=True)
        raise SystemExit(interruption.exit_code) from None


if __name__ == "__main__":
    main()
